-- title: The class is missing from a split
-- category: balance
-- severity: warning
-- why: What is not in train is not learned; what is not in val or test is not measured, and an average over
--   classes hides it.
-- fix: Split again with the class stratified (kpaudit resplit --stratify label), or say which classes a score
--   is of.
-- of: classes
-- needs: classes splits
-- uses: class_split
-- judged: select count(*) filter (n >= $expected and (trained or n * largest >= $expected * whole)), count(*)
--   from (select label, sum(n) as n from class_split group by label),
--   (select bool_or(split like 'train%') as trained, max(n) as largest, sum(n) as whole
--   from (select split, sum(n) as n from class_split group by split))
-- unjudged: fewer than $expected instances in all, or to be expected in the largest split
-- param expected = 3: how many of its instances the split should have, were they spread evenly
--
with
class as (
    select label, sum(n) as n from class_split group by label
),
size as (
    select split, sum(n) as n from class_split group by split
),
missing as (
    select c.label, c.n, s.split, c.n * s.n / (select sum(n) from size) as expected
    from class c
    cross join size s
    anti join class_split o on o.label = c.label and o.split = s.split
),
told as (
    select
        label,
        any_value(n) as n,
        string_agg(split, ' and ' order by split) as missing,
        string_agg(format('{:.1f} in {}', expected, split), ', ' order by split) as wanted,
        list({'split': split, 'expected': round(expected, 2)} order by split) as listed,
        bool_or(split like 'train%') as untrained,
        max(expected) as expected
    from missing
    -- too few to be spread over all splits are class-rare's business, unless nothing is left to learn from
    where expected >= $expected or split like 'train%' and n >= $expected
    group by label
)
select
    label as about,
    case when untrained then 1 else 1 - 1 / (1 + expected / 10) end as score,
    format('none of its {:,} instances is in {}; spread evenly there would be {}', n, missing, wanted)
        as detail,
    json_object(
        'missing', listed, 'instances', n,
        'there',
        (select list({'split': split, 'n': c.n} order by split) from class_split c where c.label = told.label)
    ) as evidence
from told
