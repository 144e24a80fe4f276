-- title: A hand or person has no landmarks
-- category: keypoints
-- severity: warning
-- why: Training on keypoints skips it without a word. What a detector could not label is rarely random:
--   missing landmarks pile up in classes, poses and people, and a model is the worse on just those.
-- fix: Label it, or drop it knowingly; look at the shares of the class and the subject in the evidence for
--   where it piles up. Persons whose flags are all 0 (COCO's small and crowded ones) are not meant and not
--   listed.
-- of: annotations
-- needs: keypoints
-- uses: instance pose
-- param usual = 0.5: a class of which more than this share lacks landmarks
-- param few = 10: and so many hands or more, is one finding, not one for each
--
with
hand as (
    select
        i.image_id, i.annotation_id, i.label, i.subject,
        -- a list that is there, but not of use, has been reported while reading
        p.annotation_id is null and (i.attributes is null or not (
            json_exists(i.attributes, '$.keypoints') or json_exists(i.attributes, '$.hand_landmarks')
            or json_exists(i.attributes, '$.numbers')
        )) as missing
    from instance i
    left join pose p using (annotation_id)
    where i.skeleton is not null and not i.crowd
),
class as (
    select label, count(*) as n, count_if(missing) as missing from hand group by label
),
person as (
    select subject, count(*) as n, count_if(missing) as missing
    from hand
    where subject is not null
    group by subject
),
pile as (
    -- where many lack them, the subjects that lack most
    select
        label,
        list({'subject': subject, 'missing': missing, 'of': n} order by missing desc, subject)[:5] as worst
    from (
        select label, subject, count(*) as n, count_if(missing) as missing
        from hand
        where subject is not null
            and label in (select label from class where missing > $usual * n and missing >= $few)
        group by label, subject
        having count_if(missing) > 0
    )
    group by label
)
select
    h.image_id,
    h.annotation_id,
    null::varchar as about,
    0.5 + 0.5 * (1 - c.missing / c.n) as score,
    coalesce('this ' || h.label, 'it') || format(' has no landmarks, like {} of {}', c.missing, c.n)
        || format(' ({:.1f} %)', 100 * c.missing / c.n) || ' of its class'
        || coalesce(format(' and {} of {} of its subject', s.missing, s.n), '') as detail,
    json_object(
        'class', h.label, 'class_missing', c.missing, 'class_total', c.n,
        'class_share', round(c.missing / c.n, 4),
        'subject', h.subject, 'subject_missing', s.missing, 'subject_total', s.n,
        'subject_share', round(s.missing / s.n, 4)
    ) as evidence
from hand h
join class c on c.label is not distinct from h.label
left join person s on s.subject = h.subject
where h.missing and not (c.missing > $usual * c.n and c.missing >= $few)
union all by name
select
    coalesce(c.label, 'without a class') as about,
    c.missing / c.n as score,
    format('{} of {} ({:.1f} %) of this class have no landmarks', c.missing, c.n, 100 * c.missing / c.n)
        as detail,
    json_object(
        'class', c.label, 'class_missing', c.missing, 'class_total', c.n,
        'class_share', round(c.missing / c.n, 4),
        'subjects', p.worst
    ) as evidence
from class c
left join pile p on p.label = c.label
where c.missing > $usual * c.n and c.missing >= $few
