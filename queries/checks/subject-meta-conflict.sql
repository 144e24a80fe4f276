-- title: One subject has two genders, two races or ages far apart
-- category: demographics
-- severity: info
-- why: Either two people share an id, and a split by subject mixes them, or the value is wrong, and the
--   person is counted in two groups.
-- fix: Look at the subject's images. Where it is one person, correct the odd value (a network that predicted
--   it image by image errs on some); where it is two, part the ids.
-- of: images
-- needs: demographics subjects
-- param years = 10: how far apart the ages of one subject may be
--
with
img as (
    select
        image_id, subject, nullif(trim(gender), '') as gender, nullif(trim(race), '') as race,
        -- what no person can be is age-implausible's business
        case when isfinite(age) and age between 1 and 100 then age end as age
    from image
    where dataset_id = $dataset and subject is not null
),
odd as (
    select subject
    from img
    group by subject
    having count(distinct gender) > 1 or count(distinct race) > 1 or max(age) - min(age) > $years
),
mine as (
    from img semi join odd using (subject)
),
-- a subject's value is the one that most of its images give; of two that are as frequent, the first by the
-- alphabet
share as (
    select 'gender' as field, subject, gender as value, count(*) as n
    from mine
    where gender is not null
    group by subject, gender
    union all
    select 'race', subject, race, count(*) from mine where race is not null group by subject, race
),
usual as (
    select field, subject, min_by(value, (-n, value)) as value, max(n) as n, sum(n) as whole
    from share
    group by field, subject
),
aged as (
    select subject, median(age) as age, max(age) - min(age) as apart from mine group by subject
),
judged as (
    select
        m.*,
        g.value as usual_gender, g.n as gender_n, g.whole as gender_whole,
        m.gender <> g.value as other_gender,
        r.value as usual_race, r.n as race_n, r.whole as race_whole, m.race <> r.value as other_race,
        a.age as usual_age, a.apart,
        -- the ages at the far ends, not those in the middle that are right
        a.apart > $years and abs(m.age - a.age) >= a.apart / 2 as other_age
    from mine m
    left join usual g on g.field = 'gender' and g.subject = m.subject
    left join usual r on r.field = 'race' and r.subject = m.subject
    left join aged a on a.subject = m.subject
)
select
    j.image_id,
    concat_ws(
        ', ', if(other_gender, 'gender', null), if(other_race, 'race', null), if(other_age, 'age', null)
    ) as about,
    greatest(
        if(other_gender, gender_n / gender_whole, 0),
        if(other_race, race_n / race_whole, 0),
        if(other_age, least(1, 0.5 + abs(j.age - usual_age) / 100), 0)
    ) as score,
    concat_ws(
        '; ',
        case when other_gender then
            format(
                'gender {}, {:,} of the subject''s {:,} images say {}',
                gender, gender_n, gender_whole, usual_gender
            )
        end,
        case when other_race then
            format('race {}, {:,} of the subject''s {:,} images say {}', race, race_n, race_whole, usual_race)
        end,
        case when other_age then
            format(
                'age {:.1f}, the subject''s images say {:.1f} in the middle and are {:.1f} years apart',
                j.age, usual_age, apart
            ) end
    ) || if(d.format = 'hagrid', ' (predicted by a network)', '') as detail,
    json_object(
        'subject', j.subject, 'gender', gender, 'usual_gender', usual_gender, 'race', race,
        'usual_race', usual_race,
        'age', j.age, 'usual_age', usual_age, 'predicted', d.format = 'hagrid'
    ) as evidence
from judged j
cross join (from dataset where dataset_id = $dataset) d
where other_gender or other_race or other_age
