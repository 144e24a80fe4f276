-- The joints of a skeleton: names, parts and mirror images. Two datasets may know it by one name.
select joint, min(name) as name, min(flip) as flip, min(part) as part
from joint
where skeleton = $skeleton
group by joint
order by joint
