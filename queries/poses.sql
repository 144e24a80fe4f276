-- What poses.py puts into arrays, of all skeletons at once: a dataset may have thousands. `n` is the
-- skeleton's place in $names. Reads the shared table instance.

-- name: skeletons
select skeleton from instance where skeleton is not null and labelled > 0 group by skeleton order by count(*) desc, skeleton;

-- name: joints
select s.n, j.joint, j.name, j.canonical, j.part, j.flip, j.sigma
from joint j
join (select unnest($names::varchar[]) as skeleton, generate_subscripts($names::varchar[], 1) - 1 as n) s using (skeleton)
order by s.n, j.joint;

-- name: bones
select s.n, b.joint_a, b.joint_b
from bone b
join (select unnest($names::varchar[]) as skeleton, generate_subscripts($names::varchar[], 1) - 1 as n) s using (skeleton)
order by s.n, b.joint_a, b.joint_b;

-- name: instances
select
    s.n, i.annotation_id, i.image_id, i.label, i.subject, i.crowd, i.handedness, i.fx, i.fy, i.x, i.y, i.w, i.h,
    i.boxed, i.in_pixels
from instance i
join (select unnest($names::varchar[]) as skeleton, generate_subscripts($names::varchar[], 1) - 1 as n) s using (skeleton)
where i.labelled > 0
order by s.n, i.annotation_id;

-- name: points
select 0 as n, k.annotation_id, k.joint, k.x, k.y, k.visibility
from keypoint k
semi join (from instance where skeleton is not null and labelled > 0) using (annotation_id)
where k.annotation_id > $dataset::bigint * 1000000000 and k.annotation_id < ($dataset::bigint + 1) * 1000000000;

-- name: points_by_skeleton
-- The same where there are several skeletons; of one, tens of millions of points need no order.
select s.n, k.annotation_id, k.joint, k.x, k.y, k.visibility
from keypoint k
join (
    select annotation_id, n
    from instance
    join (select unnest($names::varchar[]) as skeleton, generate_subscripts($names::varchar[], 1) - 1 as n) using (skeleton)
    where labelled > 0
) s using (annotation_id)
where k.annotation_id > $dataset::bigint * 1000000000 and k.annotation_id < ($dataset::bigint + 1) * 1000000000
order by s.n;
