-- Counts that split_shift.py and group_underrepresented.py compare.

-- name: by_split
-- Classes count instances; gender, race and age count subjects, each once a split and value, where subjects
-- are recorded (a person's many images are no independent evidence), else images.
with
img as (
    select
        image_id, split, gender, race, nullif(age_band(age), 'not recorded') as age,
        coalesce(subject, 'image ' || image_id) as who
    from image
    where dataset_id = $dataset and split not in ('unsplit', 'subsample')
)
select 'class' as field, split, label as value, count(*) as n
from annotation
join img using (image_id)
where dataset_id = $dataset and kind = 'instance' and label is not null
group by split, label
union all
select field, split, value, count(distinct who)
from (
    unpivot (select split, who, gender, race, age from img) on gender, race, age into name field value value
)
group by field, split, value
order by field, split, value;

-- name: by_class
-- For gender, race and age: how many subjects (or images, as above) of a group show each class.
with
img as (
    select
        image_id, gender, race, nullif(age_band(age), 'not recorded') as age,
        coalesce(subject, 'image ' || image_id) as who
    from image
    where dataset_id = $dataset
),
shown as (
    select distinct image_id, label
    from annotation
    where dataset_id = $dataset and kind = 'instance' and label is not null
)
select field, label, value, count(distinct who) as n
from (
    unpivot (
        select s.label, i.who, i.gender, i.race, i.age from img i join shown s using (image_id)
    ) on gender, race, age into name field value value
)
group by field, label, value
order by field, label, value;

-- name: overall
with
img as (
    select
        gender, race, nullif(age_band(age), 'not recorded') as age,
        coalesce(subject, 'image ' || image_id) as who
    from image
    where dataset_id = $dataset
)
select field, value, count(distinct who) as n
from (unpivot (select who, gender, race, age from img) on gender, race, age into name field value value)
group by field, value
order by field, value;
