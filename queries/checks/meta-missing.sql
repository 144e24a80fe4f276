-- title: The image has no age, gender or race where others have
-- category: demographics
-- severity: info
-- why: A comparison between groups leaves these images out, and they are seldom a random part: as a rule the
--   face was hidden, turned away or badly lit.
-- fix: Say how many are left out where groups are compared; in HaGRID predict the values again or leave them
--   empty.
-- of: images
-- needs: demographics
-- param usual = 0.5: a value is expected of every image where at least this share of them has it
--
with
told as (
    select format = 'hagrid' as predicted from dataset where dataset_id = $dataset
),
part as (
    select count(age) / count(*) as age, count(gender) / count(*) as gender, count(race) / count(*) as race
    from image
    where dataset_id = $dataset
)
select
    i.image_id,
    len(missing) / 3 as score,
    array_to_string(missing, ', ') || case when len(missing) = 1 then ' is' else ' are' end || ' missing'
        || if(predicted, ' (predicted by a network, where they are given)', '')
        || format('; of the images, {:.1f} % have age, {:.1f} % gender, {:.1f} % race',
            part.age * 100, part.gender * 100, part.race * 100) as detail,
    json_object('missing', missing, 'predicted', predicted) as evidence
from image i, part, told
cross join lateral (
    select list_filter([
        case when i.age is null and part.age >= $usual then 'age' end,
        case when i.gender is null and part.gender >= $usual then 'gender' end,
        case when i.race is null and part.race >= $usual then 'race' end
    ], lambda v: v is not null) as missing
) m
where i.dataset_id = $dataset and len(missing) > 0
