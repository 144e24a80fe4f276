-- title: The gender or race is none of the dataset's values
-- category: demographics
-- severity: warning
-- why: A misspelt value is a group of its own: it falls out of every comparison between groups.
-- fix: Correct the value, or take it out.
-- of: images
-- counted: described
-- needs: demographics genders hagrid
--
-- HaGRIDv2's meta was predicted by FairFace (seven races, or four) and MiVOLO (two genders); spelling aside,
-- other values come from nowhere.
with
known as (
    select
        ['female', 'male'] as genders,
        [
            'white', 'black', 'asian', 'indian', 'east asian', 'southeast asian', 'middle eastern',
            'latino hispanic'
        ] as races
),
wrong as (
    select
        image_id, subject, gender, race,
        gender is not null and not list_contains(genders, lower(trim(gender))) as strange_gender,
        race is not null and not list_contains(races, replace(lower(trim(race)), '_', ' ')) as strange_race
    from image, known
    where dataset_id = $dataset
)
select
    image_id,
    1 as score,
    concat_ws(
        '; ',
        case when strange_gender then 'the gender is "' || gender || '", expected female or male' end,
        case when strange_race then 'the race is "' || race || '", expected one of White, Black, Asian, '
            || 'East Asian, Southeast Asian, Indian, Middle Eastern, Latino_Hispanic' end
    ) || ' (these values are predicted by a network)' as detail,
    json_object('gender', gender, 'race', race, 'subject', subject, 'predicted', true) as evidence
from wrong
where strange_gender or strange_race
