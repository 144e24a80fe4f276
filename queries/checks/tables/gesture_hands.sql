-- How many hands make a gesture of HaGRID, 1 or 2: united boxes are around two. A gesture that HaGRID does
-- not have is one of two hands where most of its images that show two have a united box.
create or replace table gesture_hands as
with
one as (
    select unnest([
        'grabbing', 'grip', 'point', 'call', 'three3', 'little_finger', 'middle_finger', 'dislike', 'fist',
        'four', 'like', 'mute', 'ok', 'one', 'palm', 'peace', 'peace_inverted', 'rock', 'stop',
        'stop_inverted', 'three', 'three2', 'two_up', 'two_up_inverted', 'three_gun', 'thumb_index',
        'no_gesture'
    ]) as label
),
two as (
    select unnest([
        'hand_heart', 'hand_heart2', 'thumb_index2', 'timeout', 'holy', 'take_picture', 'xsign'
    ]) as label
),
others as (
    select image_id, label
    from annotation
    where dataset_id = $dataset and kind = 'instance' and w > 0 and h > 0
        and label not in (from one) and label not in (from two)
    group by image_id, label
    having count(*) > 1
),
united as (
    select distinct image_id, label from annotation where dataset_id = $dataset and kind = 'united'
)
select label, 1 as hands from one
union all
select label, 2 from two
union all
select o.label, 2
from others o
left join united u using (image_id, label)
group by o.label
having count(u.image_id) > 0.5 * count(*)
