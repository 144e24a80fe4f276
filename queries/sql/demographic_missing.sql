-- Of how many images in each split is no subject, age, gender or race recorded?
select
    split,
    count(*) as images,
    count(*) filter (subject is null) as subject,
    count(*) filter (age is null or not isfinite(age)) as age,
    count(*) filter (gender is null) as gender,
    count(*) filter (race is null) as race
from selected_image($f)
group by split
order by images desc
