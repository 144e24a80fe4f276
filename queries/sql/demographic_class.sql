-- How many images of each class show a person of each gender, race or age band?
with
shown as (
    select distinct image_id, label
    from selected_box($f)
    where label is not null
)
select
    case $field
        when 'gender' then coalesce(i.gender, 'not recorded')
        when 'race' then coalesce(i.race, 'not recorded')
        else age_band(i.age)
    end as value,
    s.label,
    count(*) as images
from shown s
join selected_image($f) i using (image_id)
group by all
order by all
