-- title: The class has hardly any instances
-- category: balance
-- severity: warning
-- why: A handful of examples teaches a model the examples, not the class, and the score on it is luck. A
--   class with one or two is often a misspelt label.
-- fix: Collect more, merge the class with one it belongs to, or leave it out; correct the label where it is
--   misspelt.
-- of: classes
-- needs: classes
-- param least = 10: instances that a class must have
-- param median_share = 0.1: and at least this part of the median class's
-- param listed = 50: where more classes than that are rare, one finding counts them and names the rarest
--
with
used as (
    select label, count(*) as n, count(distinct image_id) as images
    from annotation
    where dataset_id = $dataset and kind = 'instance' and label is not null
    group by label
),
class as (
    select label, n, images from used
    union all
    select c.label, 0, 0
    from (select distinct unnest(classes) as label from dataset where dataset_id = $dataset) c
    anti join used using (label)
),
-- of the classes that are used: a list of names in a header says nothing about what is usual
middle as (
    select median(n) as median from used
),
rare as (
    select *, 1 - n / greatest($least, $median_share * median, 1) as score, count(*) over () as classes
    from class, middle
    where n < $least or n < $median_share * median
)
select
    label as about,
    score,
    case n when 0 then 'the dataset declares the class and has no instance of it'
        else format('{:,} instance{} in {:,} image{}', n, if(n = 1, '', 's'), images, if(images = 1, '', 's'))
        end
        || ', the median class has ' || format('{:,.0f}', median) as detail,
    json_object('instances', n, 'images', images, 'median', median) as evidence
from rare
where classes <= $listed
union all by name
select
    'classes' as about,
    max(score) as score,
    format(
        '{:,} of {:,} classes have hardly any instances, {:,} of them none; the median class has {:,.0f}',
        any_value(classes), (select count(*) from class), count_if(n = 0), any_value(median)
    ) || ': ' || array_to_string(list(label order by n, label)[:5], ', ') || ', ...' as detail,
    json_object(
        'classes', any_value(classes), 'of', (select count(*) from class),
        'without_instances', count_if(n = 0), 'median', any_value(median),
        'rarest', list(json_object('class', label, 'instances', n) order by n, label)[:$listed]
    ) as evidence
from rare
where classes > $listed
having count(*) > 0
