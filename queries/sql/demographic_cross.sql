-- How many images and subjects are in each intersection of gender, age band and race?
select
    coalesce(gender, 'not recorded') as gender,
    age_band(age) as age,
    coalesce(race, 'not recorded') as race,
    count(*) as images,
    count(distinct subject) as subjects
from selected_image($f)
group by all
order by images desc, gender, age, race
