-- What is drawn on these images: their annotations with box, joints (by name) and bones, in file order.
with
shown as materialized (
    select *
    from annotation
    where image_id in (select unnest($images::bigint[]))
),
-- Indexes of two datasets may both know a skeleton by one name: each joint is taken once.
named as (
    select skeleton, joint, min(name) as name, min(part) as part
    from joint
    group by skeleton, joint
),
bones as (
    select skeleton, list({a: joint_a, b: joint_b} order by joint_a, joint_b) as bones
    from bone
    where skeleton in (select skeleton from shown)
    group by skeleton
),
placed as (
    select
        k.annotation_id,
        list(
            {joint: k.joint, name: n.name, part: n.part, x: k.x, y: k.y, visibility: k.visibility}
            order by k.joint
        ) as joints
    from keypoint k
    join (select annotation_id, skeleton from shown) s using (annotation_id)
    left join named n on n.skeleton = s.skeleton and n.joint = k.joint
    group by k.annotation_id
)
select
    i.image_id, i.key, z.width, z.height, d.unit,
    s.annotation_id, s.source_id, s.kind, s.label, s.x, s.y, s.w, s.h, s.area, s.crowd, s.handedness,
    p.joints, b.bones
from image_size z
join image i using (image_id)
join dataset d using (dataset_id)
left join shown s using (image_id)
left join placed p on p.annotation_id = s.annotation_id
left join bones b on b.skeleton = s.skeleton
where i.image_id in (select unnest($images::bigint[]))
order by i.image_id, s.ordinal, s.annotation_id
