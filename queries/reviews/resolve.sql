-- Finds the records that decisions are about. `asked` is a frame: n, split, image_key, annotation, digest. Where
-- an annotation's own id is there twice, the one that was judged is meant: the one with the decision's digest.

-- name: resolve
select
    q.n,
    i.image_id,
    a.annotation_id,
    a.label,
    a.digest,
    a.skeleton
from asked q
left join image i on i.dataset_id = $dataset and i.split = q.split and i.key = q.image_key
left join annotation a
    on a.image_id = i.image_id and q.annotation is not null
    and coalesce(a.source_id, a.kind || ' ' || a.ordinal) = q.annotation
qualify row_number() over (partition by q.n order by coalesce(a.digest = q.digest, false) desc, a.annotation_id) = 1
order by q.n;

-- name: resolve_moved
-- The same images under another split: a decision holds when its image was moved.
select q.n, i.image_id, a.annotation_id, a.label, a.digest, a.skeleton
from asked q
join image i on i.dataset_id = $dataset and i.key = q.image_key
left join annotation a
    on a.image_id = i.image_id and q.annotation is not null
    and coalesce(a.source_id, a.kind || ' ' || a.ordinal) = q.annotation
qualify row_number() over (
    partition by q.n order by coalesce(a.digest = q.digest, false) desc, i.image_id, a.annotation_id
) = 1
order by q.n;

-- name: items
-- What can be judged of one image: its annotations under the names that decisions use.
select
    a.annotation_id, coalesce(a.source_id, a.kind || ' ' || a.ordinal) as annotation, a.label, a.digest, a.skeleton
from annotation a
where a.image_id = $image
order by a.ordinal, a.annotation_id;
