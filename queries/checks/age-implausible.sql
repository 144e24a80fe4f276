-- title: The age is none that a person has
-- category: demographics
-- severity: warning
-- why: One age of 173 or of NaN moves every mean, and puts the person into the wrong group.
-- fix: Correct the age or take it out.
-- of: images
-- counted: aged
-- needs: demographics ages
-- param youngest = 1: years
-- param oldest = 100: years
--
select
    i.image_id,
    1 as score,
    case when isfinite(age) then format('the age is {:.6g} years', age) else 'the age is no number' end
        || if(d.format = 'hagrid', ' (predicted by a network)', '')
        || format(', expected {:.6g} to {:.6g}', $youngest::double, $oldest::double) as detail,
    json_object('age', age::varchar, 'subject', subject, 'predicted', d.format = 'hagrid') as evidence
from image i
join dataset d using (dataset_id)
-- no age at all is meta-missing's business; NaN is neither below nor above anything
where i.dataset_id = $dataset
    and age is not null
    and not (isfinite(age) and age between $youngest and $oldest)
