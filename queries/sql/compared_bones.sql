-- How long are the bones whose ends two skeletons share, of those of either? As bone_lengths, of a sample.
-- A bone that only the other skeleton draws can be measured in this one too, where it has both ends.
with
mine as (
    select canonical, min(joint) as joint from joint where skeleton = $skeleton group by canonical
),
theirs as (
    select distinct canonical from joint where skeleton = $other
),
named as (
    select b.skeleton, a.canonical as end_a, z.canonical as end_b
    from bone b
    join joint a on a.skeleton = b.skeleton and a.joint = b.joint_a
    join joint z on z.skeleton = b.skeleton and z.joint = b.joint_b
    where b.skeleton in ($skeleton, $other)
),
bones as materialized (
    -- Whichever end comes first in the alphabet: both datasets get the same bones.
    select distinct
        least(end_a, end_b) as bone_a,
        greatest(end_a, end_b) as bone_b,
        p.joint as joint_a,
        q.joint as joint_b
    from named n
    join mine p on p.canonical = least(end_a, end_b)
    join mine q on q.canonical = greatest(end_a, end_b)
    where end_a <> end_b
        and end_a in (select canonical from theirs)
        and end_b in (select canonical from theirs)
),
chosen as not materialized (
    select annotation_id, image_id, dataset_id, w, h
    from selected_box($f)
    where skeleton = $skeleton and labelled > 0 and w > 0 and h > 0
),
drawn as materialized (
    from chosen
    -- a remainder of two types of integer would be worked out in 128 bits, twenty times slower
    where hash(annotation_id) % greatest((select count(*) from chosen) // $sample, 1)::ubigint = 0
),
sampled as (
    select
        a.annotation_id,
        a.w,
        a.h,
        case when d.unit = 'normalized' and s.width > 0 and s.height > 0 then s.width / s.height else 1.0 end
            as stretch
    from drawn a
    join dataset d using (dataset_id)
    left join image_size s on d.unit = 'normalized' and s.image_id = a.image_id
),
points as materialized (
    select k.annotation_id, k.joint, k.x * s.stretch as x, k.y as y, sqrt(s.w * s.stretch * s.h) as scale
    from keypoint k
    join sampled s using (annotation_id)
    where (k.visibility is null or k.visibility > 0) and isfinite(k.x) and isfinite(k.y)
),
lengths as (
    select b.*, sqrt((p.x - q.x) ** 2 + (p.y - q.y) ** 2) / p.scale as length
    from bones b
    join points p on p.joint = b.joint_a
    join points q on q.joint = b.joint_b and q.annotation_id = p.annotation_id
),
measured as (
    select
        bone_a,
        bone_b,
        count(*) as bones,
        quantile_cont(length, [0.01, 0.25, 0.5, 0.75, 0.99]) as lengths,
        max(length) as longest
    from lengths
    where isfinite(length)
    group by bone_a, bone_b
)
select
    bone_a,
    bone_b,
    bones,
    lengths[1] as p01,
    lengths[2] as p25,
    lengths[3] as p50,
    lengths[4] as p75,
    lengths[5] as p99,
    longest
from measured
order by bone_a, bone_b
