-- The skeletons of a dataset's annotations, for the check of their flip maps.

-- name: joints
select skeleton, joint, name, canonical, coalesce(flip, joint) as flip
from joint
where skeleton in (select skeleton from annotation where dataset_id = $dataset and kind = 'instance')
order by skeleton, joint;

-- name: bones
select skeleton, joint_a, joint_b
from bone
where skeleton in (select skeleton from annotation where dataset_id = $dataset and kind = 'instance')
order by skeleton, joint_a, joint_b;
