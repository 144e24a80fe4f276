-- How long is each bone, as a share of the square root of its box's area? Of a sample of annotations.
-- Lengths are of pixels where the image's size is known, else as if the image were square.
with
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
    -- Sizes are looked up after the draw: of thousands of images, not of all.
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
    select
        b.joint_a,
        b.joint_b,
        sqrt((p.x - q.x) ** 2 + (p.y - q.y) ** 2) / p.scale as length
    from (from bone where skeleton = $skeleton) b
    join points p on p.joint = b.joint_a
    join points q on q.joint = b.joint_b and q.annotation_id = p.annotation_id
),
measured as (
    select
        joint_a,
        joint_b,
        count(*) as bones,
        quantile_cont(length, [0.01, 0.25, 0.5, 0.75, 0.99]) as lengths,
        max(length) as longest
    from lengths
    where isfinite(length)
    group by joint_a, joint_b
)
select
    a.name as joint_a,
    b.name as joint_b,
    a.part,
    m.bones,
    m.lengths[1] as p01,
    m.lengths[2] as p25,
    m.lengths[3] as p50,
    m.lengths[4] as p75,
    m.lengths[5] as p99,
    m.longest
from measured m
join joint a on a.skeleton = $skeleton and a.joint = m.joint_a
join joint b on b.skeleton = $skeleton and b.joint = m.joint_b
order by m.joint_a, m.joint_b
