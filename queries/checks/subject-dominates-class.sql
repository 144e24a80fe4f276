-- title: One subject makes up much of a class
-- category: balance
-- severity: warning
-- why: A model learns that person's hand, clothes and room as the class; and with the person in one split the
--   class's share and score hang on them.
-- fix: Collect the class from more people, or limit how many images of one subject train it.
-- of: classes
-- needs: subjects labels
-- judged: select count(*) filter (where n >= $least), count(*) from (select count(i.subject) as n
--   from annotation a join image i using (image_id)
--   where a.dataset_id = $dataset and a.kind = 'instance' and a.label is not null group by a.label)
-- unjudged: they have fewer than $least instances of known subjects
-- param share = 0.2: the least share of the class's instances, by the lower end of its 95 % interval
-- param fair = 3: and so many times the share that each of the class's subjects would have were all alike
-- param least = 50: instances that the class must have
--
with
cell as (
    select a.label, i.subject, count(*) as n
    from annotation a
    join image i using (image_id)
    where a.dataset_id = $dataset and a.kind = 'instance' and a.label is not null and i.subject is not null
    group by a.label, i.subject
),
class as (
    select label, sum(n) as whole, count(*) as subjects, max(n) as part, max_by(subject, n) as subject
    from cell
    group by label
    having sum(n) >= $least
),
-- Wilson's score interval, z = 1.96 (E. B. Wilson, JASA 22, 1927)
halves as (
    select
        *,
        part / whole as share,
        share + 1.9208 / whole as middle,
        1.96 * sqrt(share * (1 - share) / whole + 0.9604 / whole / whole) as half,
        1 + 3.8416 / whole as scale
    from class
),
bounded as (
    select *, (middle - half) / scale as low, (middle + half) / scale as high from halves
)
select
    label as about,
    low as score,
    'subject ' || case when length(subject) > 16 then subject[:12] || '…' else subject end
        || format(' has {:,} of the {:,} instances', part, whole)
        || format(' ({:.1f} %, 95 % interval {:.1f} to {:.1f} %)', share * 100, low * 100, high * 100)
        || format('; the class has {:,} subject{}', subjects, if(subjects = 1, '', 's')) as detail,
    json_object(
        'subject', subject, 'instances', part, 'whole', whole, 'share', share, 'low', low, 'high', high,
        'subjects', subjects
    ) as evidence
from bounded
where low >= $share and share >= least($fair / subjects, 0.8)
