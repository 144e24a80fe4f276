-- name: read_strict
-- One row a record of every file of the group. united_* and meta come in several shapes (a box or a
-- list of boxes, a value or a list of values), so they stay JSON until they are needed. The file is
-- kept by name: a join here would copy every landmark.
create or replace temp table raw as
select r.filename, r.e.key as key, r.e.value as rec
from (
    select filename, unnest(map_entries(json)) as e
    from read_json(
        $paths,
        columns = {
            json: 'MAP(VARCHAR, STRUCT(bboxes DOUBLE[][], labels VARCHAR[], user_id VARCHAR, united_bbox JSON, united_label JSON, hand_landmarks DOUBLE[][][], landmarks DOUBLE[][][], leading_hand VARCHAR, leading_conf DOUBLE, meta JSON))'
        },
        records = false,
        filename = true,
        hive_partitioning = false,
        maximum_object_size = $largest
    )
) r;

-- name: forget_pieces
delete from build_file where list_contains($paths::varchar[], absolute);

-- name: repeated_in
select distinct file_id
from (
    select file_id from image where list_contains($files::bigint[], file_id) group by file_id, key having count(*) > 1
);

-- name: read_tolerant
-- The good records of one file, as the tolerant path wrote them: one JSON object a line.
create or replace temp table raw as
select r.filename, r.key, r.rec
from read_json(
    $paths,
    columns = {
        filename: 'VARCHAR',
        key: 'VARCHAR',
        rec: 'STRUCT(bboxes DOUBLE[][], labels VARCHAR[], user_id VARCHAR, united_bbox JSON, united_label JSON, hand_landmarks DOUBLE[][][], landmarks DOUBLE[][][], leading_hand VARCHAR, leading_conf DOUBLE, meta JSON)'
    },
    hive_partitioning = false,
    format = 'newline_delimited',
    maximum_object_size = $largest
) r;

-- name: hands
-- One row a hand. A record whose lists differ in length keeps as many hands as its longest list:
-- what is missing stays NULL, and length-mismatch says so.
create or replace temp table hand as
select
    image_row,
    i as ordinal,
    rec.labels[i + 1] as label,
    rec.bboxes[i + 1] as box,
    coalesce(rec.hand_landmarks, rec.landmarks)[i + 1] as landmarks,
    -- leading_hand is of the hand that shows the gesture: it is known of that hand alone
    case
        when lower(trim(rec.leading_hand)) in ('left', 'right') and rec.labels[i + 1] <> 'no_gesture'
            and len(list_filter(rec.labels, lambda l: l <> 'no_gesture')) = 1
            then lower(trim(rec.leading_hand))
    end as handedness
from (
    select rowid as image_row, rec, unnest(range(n)) as i
    from (
        select
            rowid, rec,
            greatest(
                coalesce(len(rec.bboxes), 0),
                coalesce(len(rec.labels), 0),
                coalesce(len(coalesce(rec.hand_landmarks, rec.landmarks)), 0)
            ) as n
        from raw
    )
);

-- name: images
insert into image
select
    $first_image + raw.rowid as image_id,
    $dataset as dataset_id,
    f.file_id,
    null as source_id,
    raw.key,
    f.class || '/' || raw.key || '.jpg' as file_name,
    coalesce(f.split, 'unsplit') as split,
    null as width,
    null as height,
    nullif(trim(rec.user_id), '') as subject,  -- a blank id is nobody's
    try_cast(coalesce(rec.meta->>'$.age[0]', rec.meta->>'$.age') as double) as age,
    rec.meta->>(case json_type(rec.meta, '$.gender') when 'ARRAY' then '$.gender[0]' else '$.gender' end) as gender,
    rec.meta->>(case json_type(rec.meta, '$.race') when 'ARRAY' then '$.race[0]' else '$.race' end) as race,
    case
        when rec.leading_hand is not null
            then json_object('leading_hand', rec.leading_hand, 'leading_conf', rec.leading_conf)
        -- several faces in the image: the columns hold the first, this holds all
        when json_array_length(rec.meta, '$.age') > 1
            then json_object('meta', rec.meta)
    end as attributes
from raw
join build_file f on f.absolute = raw.filename;

-- name: narrow_columns
alter table keypoint alter x type float;
alter table keypoint alter y type float;

-- name: narrow
-- HaGRID's landmarks are what a network gave as float32: kept so, they take half the room, and lose nothing.
-- A number that is none stops the statement.
create or replace temp macro kept(v) as
    case when try_cast(v as float)::double = v then v::float else error('not a float32') end;

-- name: widen
alter table keypoint alter x type double;
alter table keypoint alter y type double;
create or replace temp macro kept(v) as v;

-- name: is_wide
select data_type = 'DOUBLE' from duckdb_columns()
where database_name = current_database() and table_name = 'keypoint' and column_name = 'x';

-- name: may_be_narrow
-- Whether the only numbers that were no float32s have gone.
select not exists (
    select 1 from keypoint
    where try_cast(x as float)::double is distinct from x or try_cast(y as float)::double is distinct from y
);

-- name: keypoints
-- A list of another length than 21 has joints that nothing names: it goes to attributes, reported.
insert into keypoint
select
    annotation_id,
    joint::smallint,
    case when isfinite(p[1]) then kept(p[1]) end as x,
    case when isfinite(p[2]) then kept(p[2]) end as y,
    null as visibility
from (
    select
        $first_annotation + rowid as annotation_id,
        generate_subscripts(landmarks, 1) - 1 as joint,
        unnest(landmarks) as p
    from hand
    where len(landmarks) = 21
);

-- name: annotations
insert into annotation
select
    h.annotation_id,
    $dataset as dataset_id,
    $first_image + h.image_row as image_id,
    null as source_id,
    h.ordinal,
    'instance' as kind,
    h.label,
    case when isfinite(box[1]) then box[1] end as x,
    case when isfinite(box[2]) then box[2] end as y,
    case when isfinite(box[3]) then box[3] end as w,
    case when isfinite(box[4]) then box[4] end as h,
    null as area,
    false as crowd,
    $skeleton as skeleton,
    null as labelled,
    null as visible,
    h.handedness,
    null as digest,
    case
        when len(h.landmarks) not in (0, 21) then json_object('hand_landmarks', h.landmarks)
    end as attributes
from (select $first_annotation + rowid as annotation_id, * from hand) h;

-- name: united
-- HaGRID's box around both hands of a two-handed gesture, after the hands; given as a box or as a
-- list of boxes.
create or replace temp table united as
select
    rowid as image_row,
    hands + i as ordinal,
    united_label->>('$[' || i || ']') as label,
    try_cast(case when nested then united_bbox->('$[' || i || ']') else united_bbox end as double[]) as box
from (
    select
        *,
        unnest(range(case when nested then json_array_length(united_bbox)::bigint else 1 end)) as i
    from (
        select
            rowid,
            rec.united_bbox as united_bbox,
            case json_type(rec.united_label)
                when 'ARRAY' then rec.united_label
                else json_array(rec.united_label)
            end as united_label,
            json_type(rec.united_bbox, '$[0]') = 'ARRAY' as nested,
            greatest(coalesce(len(rec.bboxes), 0), coalesce(len(rec.labels), 0)) as hands
        from raw
        where json_type(rec.united_bbox) = 'ARRAY' and json_array_length(rec.united_bbox) > 0
    )
);

-- name: counts
select (select count(*) from raw), (select count(*) from hand);

-- name: no_united
create or replace temp table all_united (image_id bigint, ordinal bigint, label varchar, box double[]);

-- name: keep_united
insert into all_united select $first_image + image_row, ordinal, label, box from united order by image_row, ordinal;

-- name: united_annotations
insert into annotation
select
    $first_annotation + rowid, $dataset, image_id, null, ordinal, 'united',
    label,
    case when isfinite(box[1]) then box[1] end,
    case when isfinite(box[2]) then box[2] end,
    case when isfinite(box[3]) then box[3] end,
    case when isfinite(box[4]) then box[4] end,
    null, false, null, null, null, null, null, null
from all_united;

-- name: united_problems
insert into problem
select $dataset, i.file_id, i.key, p.kind, p.message
from (
    select image_row, unnest(list_filter(
        [
            case when box is null then
                {kind: 'field-type', message: 'united_bbox is not a list of numbers'}
            when len(box) <> 4 then
                {kind: 'field-type', message: 'united_bbox has ' || len(box) || ' numbers, expected 4'}
            when list_aggregate(box, 'count') < 4 then
                {kind: 'field-type', message: 'united_bbox holds something else than 4 numbers'}
            when not (isfinite(box[1]) and isfinite(box[2]) and isfinite(box[3]) and isfinite(box[4])) then
                {kind: 'non-finite-coordinate', message: 'united_bbox is ' || box::varchar || ', expected finite numbers'}
            when box[3] < 0 or box[4] < 0 then
                {kind: 'negative-size', message: 'united_bbox is ' || box::varchar || ': a width or height below 0'} end,
            case when label is null then
                {kind: 'field-missing', message: 'united_label is missing, where there is a united_bbox'} end
        ],
        lambda q: q is not null
    )) as p
    from united
) r
join image i on i.image_id = $first_image + r.image_row;

-- name: record_problems
insert into problem
select $dataset, i.file_id, i.key, p.kind, p.message
from (
    select rowid as image_row, unnest(problems) as p
    from (
        select
            rowid,
            list_filter(
                [
                    case when rec is null then
                        {kind: 'record-malformed', message: 'the record is null, expected an object'} end,
                    case when rec is not null and rec.bboxes is null then
                        {kind: 'field-missing', message: 'bboxes is missing or null, expected a list of boxes'} end,
                    case when rec is not null and rec.labels is null then
                        {kind: 'field-missing', message: 'labels is missing or null, expected a label a box'} end,
                    case when list_aggregate(rec.bboxes, 'count') < len(rec.bboxes) then
                        {kind: 'field-type', message: 'bboxes holds null, expected boxes'} end,
                    case when list_aggregate(rec.labels, 'count') < len(rec.labels) then
                        {kind: 'field-type', message: 'labels holds null, expected text'} end,
                    case when len(rec.bboxes) <> len(rec.labels) then
                        {kind: 'length-mismatch', message: len(rec.bboxes) || ' boxes but ' || len(rec.labels) || ' labels'} end,
                    case when len(coalesce(rec.hand_landmarks, rec.landmarks)) <> len(rec.bboxes) then
                        {kind: 'length-mismatch', message: len(rec.bboxes) || ' boxes but '
                            || len(coalesce(rec.hand_landmarks, rec.landmarks)) || ' lists of landmarks'} end,
                    case when try_cast(coalesce(rec.meta->>'$.age[0]', rec.meta->>'$.age') as double) is null
                        and coalesce(rec.meta->>'$.age[0]', nullif(rec.meta->>'$.age', '[]')) is not null then
                        {kind: 'field-type', message: 'meta.age is ' || left(rec.meta->>'$.age', 60) || ', expected a number'} end,
                    case when lower(trim(rec.leading_hand)) not in ('left', 'right') then
                        {kind: 'field-type', message: 'leading_hand is ''' || left(rec.leading_hand, 60)
                            || ''', expected left or right'} end,
                    case when json_type(rec.meta) not in ('OBJECT', 'NULL') then
                        {kind: 'field-type', message: 'meta is ' || lower(json_type(rec.meta)) || ', expected an object'} end,
                    case when json_type(rec.united_bbox) not in ('ARRAY', 'NULL') then
                        {kind: 'field-type', message: 'united_bbox is ' || lower(json_type(rec.united_bbox)) || ', expected a box'} end
                ],
                lambda q: q is not null
            ) as problems
        from raw
    )
    where len(problems) > 0
) r
join image i on i.image_id = $first_image + r.image_row
-- the tolerant path has already said what stood there instead
where not (p.kind = 'field-type' and p.message like '% holds null%' and exists (
    select 1 from problem q where q.file_id = i.file_id and q.locator = i.key and q.kind = 'field-type'
));

-- name: hand_problems
insert into problem
select $dataset, i.file_id, i.key, p.kind, p.message
from (
    select image_row, unnest(problems) as p
    from (
        select
            image_row,
            list_filter(
                [
                    case when len(box) <> 4 then
                        {kind: 'field-type', message: 'bboxes[' || ordinal || '] has ' || len(box) || ' numbers, expected 4'}
                    when (box[1] is null or box[2] is null or box[3] is null or box[4] is null) and box is not null then
                        {kind: 'field-type', message: 'bboxes[' || ordinal || '] holds null, expected 4 numbers'}
                    when not (isfinite(box[1]) and isfinite(box[2]) and isfinite(box[3]) and isfinite(box[4])) then
                        {kind: 'non-finite-coordinate', message: 'bboxes[' || ordinal || '] is ' || box::varchar || ', expected finite numbers'}
                    when box[3] < 0 or box[4] < 0 then
                        {kind: 'negative-size', message: 'bboxes[' || ordinal || '] is ' || box::varchar || ': a width or height below 0'}
                    end,
                    case when len(landmarks) not in (0, 21) then
                        {kind: 'wrong-joint-count', message: 'hand ' || ordinal || ' has ' || len(landmarks) || ' landmarks, expected 21 or none'} end
                ],
                lambda q: q is not null
            ) as problems
        from (
            select * from hand
            where len(box) <> 4 or box[1] is null or box[2] is null or box[3] is null or box[4] is null
                or not (isfinite(box[1]) and isfinite(box[2]) and isfinite(box[3]) and isfinite(box[4]))
                or box[3] < 0 or box[4] < 0
                or len(landmarks) not in (0, 21)
        )
    )
) r
join image i on i.image_id = $first_image + r.image_row
-- the tolerant path has already said which value is not a number
where not exists (
    select 1 from problem q
    where q.file_id = i.file_id and q.locator = i.key and q.kind = 'field-type' and p.kind = 'field-type'
);

-- name: landmark_problems
insert into problem
select
    $dataset, i.file_id, i.key,
    case when bad_numbers > 0 then 'non-finite-coordinate' else 'field-type' end,
    case
        when bad_numbers > 0 then 'hand ' || ordinal || ' has ' || bad_numbers
            || ' landmark coordinates that are not finite numbers'
        else 'hand ' || ordinal || ' has ' || bad_points || ' landmarks that are not a pair of numbers'
    end
from (
    select
        h.image_row,
        h.ordinal,
        len(list_filter(h.landmarks, lambda p: not (isfinite(p[1]) and isfinite(p[2])))) as bad_numbers,
        len(list_filter(h.landmarks, lambda p: p is null or len(p) <> 2 or p[1] is null or p[2] is null)) as bad_points
    from hand h
    where h.rowid in (
        select annotation_id - $first_annotation from keypoint
        where annotation_id >= $first_annotation and (x is null or y is null)
    ) or len(flatten(h.landmarks)) <> 2 * len(h.landmarks)
) r
join image i on i.image_id = $first_image + r.image_row
where (bad_numbers > 0 or bad_points > 0) and not exists (
    select 1 from problem q
    where q.file_id = i.file_id and q.locator = i.key and q.kind = 'field-type' and bad_numbers = 0
);

-- name: forget_together
delete from problem
where kind = 'unknown-label' or kind = 'field-missing' and starts_with(message, 'user_id is missing');

-- name: unknown_labels
insert into problem
select
    $dataset, i.file_id, i.key, 'unknown-label',
    case a.kind when 'united' then 'united_label' else 'labels[' || a.ordinal || ']' end
        || ' is ' || a.label || ', which is no gesture of HaGRID and names no file of this dataset'
from annotation a
join image i using (image_id)
where a.dataset_id = $dataset and not list_contains($known, a.label);

-- name: labels_among
-- Those of the names that label something.
select distinct label
from annotation
where dataset_id = $dataset and list_contains($names::varchar[], label)
order by label;

-- name: missing_subjects
-- Only where the dataset records subjects at all: otherwise the dataset as a whole says so.
insert into problem
select $dataset, i.file_id, i.key, 'field-missing', 'user_id is missing or empty, expected the subject''s id'
from image i
where i.subject is null and exists (select 1 from image j where j.subject is not null);
