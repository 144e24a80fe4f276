-- title: The classes are of very different sizes
-- category: balance
-- severity: info
-- why: A model does well on average by being good at the large classes; accuracy over all instances does not
--   show the small ones.
-- fix: Weigh or sample by class in training, and report scores per class or their mean over classes.
-- of: classes
-- needs: classes
-- judged: select case when count_if(n >= $least) > 1 then count_if(n >= $least) end, count(*) from (
--   select count(*) as n from annotation
--   where dataset_id = $dataset and kind = 'instance' and label is not null group by label)
-- unjudged: they have fewer than $least instances, or no other class has so many
-- param least = 10: classes with fewer instances are class-rare's business and not counted
-- param ratio = 20: the largest class is so many times the smallest
-- param entropy = 0.8: or the entropy of the classes' shares is below this part of its greatest possible
--   value
--
with
class as (
    select label, count(*) as n
    from annotation
    where dataset_id = $dataset and kind = 'instance' and label is not null
    group by label
    having count(*) >= $least
),
measured as (
    select
        count(*) as classes,
        max(n) as largest,
        min(n) as smallest,
        max_by(label, n) as most,
        min_by(label, n) as least,
        sum(n) as instances,
        -sum(n / total * ln(n / total)) / ln(count(*)) as evenness
    from class, (select sum(n) as total from class)
    having count(*) > 1
)
select
    'classes' as about,
    least(1, greatest(1 - $ratio / 2 * smallest / largest, 1 - evenness)) as score,
    format(
        '{} has {:,} instances and {} {:,}, {:.3g} times as many; entropy {:.2f} of 1 over {:,} classes',
        most, largest, least, smallest, largest / smallest, evenness, classes
    ) as detail,
    json_object(
        'classes', classes, 'instances', instances, 'largest', most, 'largest_instances', largest,
        'smallest', least, 'smallest_instances', smallest, 'ratio', largest / smallest,
        'normalized_entropy', evenness
    ) as evidence
from measured
where largest >= $ratio * smallest or evenness < $entropy
