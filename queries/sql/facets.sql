-- Which values can each shared filter take in a dataset, and how often do they occur?
with
mine as (
    select split, coalesce(gender, 'not recorded') as gender, coalesce(race, 'not recorded') as race,
        age_band(age) as age
    from image
    where dataset_id = $dataset
),
counted as (
    select split, gender, race, age, count(*) as n
    from mine
    group by all
)
select 'split' as field, split as value, sum(n)::bigint as n from counted group by all
union all
select 'gender', gender, sum(n)::bigint from counted group by all
union all
select 'race', race, sum(n)::bigint from counted group by all
union all
select 'age', age, sum(n)::bigint from counted group by all
union all
select 'class', coalesce(label, 'no class'), count(*)
from annotation
where dataset_id = $dataset and kind = 'instance'
group by all
union all
select 'finding', check_id, count(*)
from finding
where dataset_id = $dataset and image_id is not null and suppressed is null
group by all
order by field, n desc, value
