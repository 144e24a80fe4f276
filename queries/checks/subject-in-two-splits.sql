-- title: The image's subject is in another split too
-- category: splits
-- severity: error
-- why: A model that has seen the person in training recognises the skin, the sleeve and the room; the score
--   on this split then says nothing about people it has never seen.
-- fix: Keep all images of a subject in one split: move these to the other, drop them, or make new splits with
--   kpaudit resplit --by subject.
-- of: images
-- needs: subjects splits
-- uses: split_pair compared_split
-- judged: select count(*) filter (subject is not null and split in (from compared_split)), count(*)
--   from image where dataset_id = $dataset
-- unjudged: no subject is recorded of them, or no split that can be compared with another holds them
--
with
seen as (
    select subject, split, count(*) as images
    from image
    where dataset_id = $dataset and subject is not null
    group by subject, split
),
shared as (
    select
        s.subject,
        s.split,
        s.images,
        string_agg(p.other, ' and ' order by p.place) as others,
        string_agg(format('{:,} in {}', o.images, p.other), ' and ' order by p.place) as there,
        list({'split': p.other, 'images': o.images} order by p.place) as listed
    from seen s
    join split_pair p using (split)
    join seen o on o.subject = s.subject and o.split = p.other
    group by s.subject, s.split, s.images
)
select
    i.image_id,
    s.others as about,
    'subject ' || case when length(s.subject) > 16 then s.subject[:12] || '…' else s.subject end || ' has '
        || format('{:,} image{} in {}, and {} too', s.images, if(s.images = 1, '', 's'), s.split, s.there)
        as detail,
    json_object('subject', s.subject, 'images', s.images, 'elsewhere', s.listed) as evidence
from image i
join shared s on s.subject = i.subject and s.split = i.split
where i.dataset_id = $dataset
