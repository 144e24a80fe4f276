-- How many images and subjects of each gender, race or age band are in each split?
select
    case $field
        when 'gender' then coalesce(gender, 'not recorded')
        when 'race' then coalesce(race, 'not recorded')
        else age_band(age)
    end as value,
    split,
    count(*) as images,
    count(distinct subject) as subjects
from selected_image($f)
group by all
order by all
