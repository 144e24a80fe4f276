-- How many boxes around two hands does each class have in each split?
select coalesce(label, 'no class') as label, split, count(*) as united
from selected_united($f)
group by label, split
order by label, split
