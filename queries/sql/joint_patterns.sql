-- Which sets of joints are labelled together, and how often? A set is three masks of 60 joints each.
with
chosen as (
    select annotation_id
    from selected_box($f)
    where skeleton = $skeleton and labelled > 0
),
masks as (
    select
        k.annotation_id,
        bit_or(case when k.joint // 60 = 0 then 1::bigint << (k.joint % 60) else 0 end) as joints_0,
        bit_or(case when k.joint // 60 = 1 then 1::bigint << (k.joint % 60) else 0 end) as joints_60,
        bit_or(case when k.joint // 60 = 2 then 1::bigint << (k.joint % 60) else 0 end) as joints_120
    from keypoint k
    where k.visibility > 0 and k.annotation_id in (select annotation_id from chosen)
    group by k.annotation_id
)
select joints_0, joints_60, joints_120, count(*) as annotations
from masks
group by all
order by annotations desc
