-- How long is each bone, as a share of the square root of its box's area? Of a sample of annotations.
-- Lengths are of pixels where the image's size is known, else as if the image were square.
with
chosen as (
    select annotation_id, image_id, dataset_id, w, h
    from selected_annotation($f)
    where skeleton = $skeleton and labelled > 0 and w > 0 and h > 0
),
drawn as materialized (
    from chosen
    where hash(annotation_id) % greatest((select count(*) from chosen) // $sample, 1) = 0
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
)
select
    a.name as joint_a,
    b.name as joint_b,
    a.part,
    count(*) as bones,
    quantile_cont(length, 0.01) as p01,
    quantile_cont(length, 0.25) as p25,
    quantile_cont(length, 0.5) as p50,
    quantile_cont(length, 0.75) as p75,
    quantile_cont(length, 0.99) as p99,
    max(length) as longest
from lengths l
join joint a on a.skeleton = $skeleton and a.joint = l.joint_a
join joint b on b.skeleton = $skeleton and b.joint = l.joint_b
where isfinite(length)
group by all
order by min(l.joint_a), min(l.joint_b)
