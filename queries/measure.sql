-- What was measured before, what there is to do, and the file of facts that comes of it.
-- `idx` is the dataset's index, `former` the facts that were there, `out` the file being built.

-- name: no_journal
create or replace temp table journal as from former.image_fact limit 0;

-- name: journal
-- What runs since the last finished one wrote down, the latest of each image. A torn line has no key.
create or replace temp table journal as
select
    null::bigint as image_id, bytes, sha256, phash, width, height, blur, brightness, error, split, key, path,
    mtime_ns, clipped, contrast
from read_json(
    $parts,
    format = 'newline_delimited', ignore_errors = true, filename = true,
    columns = {
        split: 'varchar', key: 'varchar', path: 'varchar', bytes: 'bigint', mtime_ns: 'bigint',
        sha256: 'varchar', phash: 'ubigint', width: 'integer', height: 'integer', blur: 'double',
        brightness: 'double', contrast: 'double', clipped: 'double', error: 'varchar'
    }
)
where split is not null and key is not null
qualify row_number() over (partition by split, key order by filename desc) = 1;

-- name: latest
create or replace temp view latest as
from journal
union all
from former.image_fact f
anti join journal j on j.split = f.split and j.key = f.key;

-- name: todo
-- Every image, with the file that its facts are of, where they can still be trusted. Files that lie
-- together come together.
create or replace temp table todo as
select i.split, i.key, i.file_name, k.path, k.bytes, k.mtime_ns, k.error
from idx.image i
left join latest k
    on k.split = i.split and k.key = i.key and not $force
    and not coalesce(starts_with(k.error, $died), false)
order by coalesce(i.file_name, i.key), i.image_id;

-- name: write_facts
-- An image that is not in the index (any more) keeps its facts, which cost time, unless there are none.
insert into out.image_fact by name
select i.image_id, f.* exclude (image_id)
from latest f
left join idx.image i on i.split = f.split and i.key = f.key
where i.image_id is not null or f.path is not null
order by i.image_id;

-- name: write_run
insert into out.fact_run
select dataset_id, build_id, $version, $at, $seconds, root, image_root from idx.dataset;

-- name: current
select count(*) = 0 from idx.dataset d
anti join former.fact_run r on r.build_id = d.build_id and r.schema_version = $version;

-- name: unmeasured
select count(*) from idx.image i
anti join latest f on f.split = i.split and f.key = i.key;
