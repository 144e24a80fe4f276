-- What poses.py puts into arrays. Reads the shared table instance.

-- name: skeletons
select skeleton from instance where skeleton is not null and labelled > 0 group by skeleton order by count(*) desc, skeleton;

-- name: joints
select joint, name, canonical, part, flip, sigma from joint where skeleton = $skeleton order by joint;

-- name: bones
select joint_a, joint_b from bone where skeleton = $skeleton order by joint_a, joint_b;

-- name: instances
select annotation_id, image_id, label, subject, crowd, handedness, fx, fy, x, y, w, h, boxed, in_pixels
from instance
where skeleton = $skeleton and labelled > 0
order by annotation_id;

-- name: points
select k.annotation_id, k.joint, k.x, k.y, k.visibility
from keypoint k
semi join (from instance where skeleton = $skeleton and labelled > 0) using (annotation_id)
where k.annotation_id > $dataset::bigint * 1000000000 and k.annotation_id < ($dataset::bigint + 1) * 1000000000;
