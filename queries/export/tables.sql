-- The public schema's tables as an export takes them: selected, corrected, with the split that an image goes to.

-- name: dataset
select * exclude (root, image_root, options) from dataset where dataset_id = $dataset;

-- name: image
select * exclude (split_before, file_id) from taken_image order by image_id;

-- name: annotation
select
    a.* exclude (labelled, visible),
    f.split,
    case when n.annotation_id is null then a.labelled else n.labelled::smallint end as labelled,
    case when n.annotation_id is null then a.visible else n.visible::smallint end as visible
from taken_annotation a
join image_fate f using (image_id)
left join (
    select
        annotation_id,
        case when count(visibility) > 0 then count_if(visibility > 0) else count(x) end as labelled,
        case when count(visibility) > 0 then count_if(visibility = 2) end as visible
    from point
    where annotation_id in (select annotation_id from corrected where joints)
    group by annotation_id
) n using (annotation_id)
order by a.annotation_id;

-- name: keypoint
select k.*, f.split
from point k
join taken_annotation a using (annotation_id)
join image_fate f using (image_id)
where k.annotation_id between $low and $high;

-- name: joint
select * from joint where skeleton in (select skeleton from taken_annotation) order by skeleton, joint;

-- name: bone
select * from bone where skeleton in (select skeleton from taken_annotation) order by skeleton, joint_a, joint_b;
