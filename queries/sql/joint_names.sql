-- Which joints has a skeleton: its own names, and the names that they share with other skeletons?
select joint, name, canonical, part
from joint
where skeleton = $skeleton
order by joint
