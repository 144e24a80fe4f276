-- name: read_strict
-- The three lists of every file of the group; segmentations and what else there is are passed over
-- while parsing. Ids are text, since some tools write them as such.
create or replace temp table doc as
select filename, images, annotations, categories
from read_json(
    $paths,
    columns = {
        images: 'STRUCT(id VARCHAR, file_name VARCHAR, width DOUBLE, height DOUBLE, crowdIndex JSON, category JSON, author JSON, picture_name JSON, description JSON)[]',
        annotations: 'STRUCT(id VARCHAR, image_id VARCHAR, category_id VARCHAR, bbox DOUBLE[], area DOUBLE, iscrowd DOUBLE, num_keypoints DOUBLE, keypoints DOUBLE[], keypoints_21 DOUBLE[], foot_kpts DOUBLE[], face_kpts DOUBLE[], lefthand_kpts DOUBLE[], righthand_kpts DOUBLE[], foot_valid JSON, face_valid JSON, lefthand_valid JSON, righthand_valid JSON, face_box JSON, lefthand_box JSON, righthand_box JSON, center JSON, scale JSON, self_contact JSON, annotator JSON)[]',
        categories: 'STRUCT(id VARCHAR, name VARCHAR, keypoints VARCHAR[], skeleton JSON)[]'
    },
    records = true,
    filename = true,
    hive_partitioning = false,
    maximum_object_size = $largest
);

-- name: strict_images
create or replace temp table raw_image as
select filename, generate_subscripts(images, 1) - 1 as ord, unnest(images) as r from doc;

-- name: strict_annotations
-- body is where join_parts keeps a list of the body's joints that it can't use.
create or replace temp table raw_annotation as
select filename, generate_subscripts(annotations, 1) - 1 as ord, unnest(annotations) as r, null::double[] as body
from doc;

-- name: strict_categories
create or replace temp table raw_category as
select filename, generate_subscripts(categories, 1) - 1 as ord, unnest(categories) as r from doc;

-- name: tolerant_images
create or replace temp table raw_image as
select * from read_json(
    $paths,
    columns = {
        filename: 'VARCHAR', ord: 'BIGINT',
        r: 'STRUCT(id VARCHAR, file_name VARCHAR, width DOUBLE, height DOUBLE, crowdIndex JSON, category JSON, author JSON, picture_name JSON, description JSON)'
    },
    hive_partitioning = false,
    format = 'newline_delimited'
);

-- name: tolerant_annotations
create or replace temp table raw_annotation as
select *, null::double[] as body from read_json(
    $paths,
    columns = {
        filename: 'VARCHAR', ord: 'BIGINT',
        r: 'STRUCT(id VARCHAR, image_id VARCHAR, category_id VARCHAR, bbox DOUBLE[], area DOUBLE, iscrowd DOUBLE, num_keypoints DOUBLE, keypoints DOUBLE[], keypoints_21 DOUBLE[], foot_kpts DOUBLE[], face_kpts DOUBLE[], lefthand_kpts DOUBLE[], righthand_kpts DOUBLE[], foot_valid JSON, face_valid JSON, lefthand_valid JSON, righthand_valid JSON, face_box JSON, lefthand_box JSON, righthand_box JSON, center JSON, scale JSON, self_contact JSON, annotator JSON)'
    },
    hive_partitioning = false,
    format = 'newline_delimited'
);

-- name: tolerant_categories
create or replace temp table raw_category as
select * from read_json(
    $paths,
    columns = {
        filename: 'VARCHAR', ord: 'BIGINT',
        r: 'STRUCT(id VARCHAR, name VARCHAR, keypoints VARCHAR[], skeleton JSON)'
    },
    hive_partitioning = false,
    format = 'newline_delimited'
);

-- name: has_parts
-- Whether the group holds keypoints in more lists than one: COCO-WholeBody's and Human-Art's.
select count(*) > 0 from raw_annotation
where coalesce(r.keypoints_21, r.foot_kpts, r.face_kpts, r.lefthand_kpts, r.righthand_kpts) is not null;

-- name: flag_off_macro
-- Whether a part's flag says that it is not valid. The file may write it as false or as 0.
create or replace temp macro flag_off(flag) as coalesce(
    flag = 'false' or (json_type(flag) in ('UBIGINT', 'BIGINT', 'DOUBLE') and try_cast(flag as double) = 0),
    false
);

-- name: flag_known_macro
-- Whether a part's flag can be understood: no flag, true or false, or 1 or 0 for them.
create or replace temp macro flag_known(flag) as flag is null or json_type(flag) = 'BOOLEAN'
    or (json_type(flag) in ('UBIGINT', 'BIGINT', 'DOUBLE') and coalesce(try_cast(flag as double) in (0, 1), false));

-- name: part_macro
-- A part's numbers as they are, without its flags where the part is not valid, or as many zeros.
create or replace temp macro part_list(numbers, want, valid) as case
    when numbers is null or len(numbers) <> want then list_resize([]::double[], want, 0.0)
    when flag_off(valid) then list_transform(numbers, lambda v, i: case when i % 3 = 0 then 0.0 else v end)
    else numbers
end;

-- name: part_problems
insert into problem
select $dataset, f.file_id, locator, p.kind, p.message
from (
    select
        a.filename,
        'annotations[' || a.ord || ']' || coalesce(' (id ' || a.r.id || ')', '') as locator,
        unnest(list_filter(
            list_transform(
                [
                    {list: 'keypoints', n: len(a.r.keypoints), want: 51, flag: null, valid: null::json, flags: null::double[]},
                    {list: 'foot_kpts', n: len(a.r.foot_kpts), want: 18, flag: 'foot_valid', valid: a.r.foot_valid, flags: list_slice(a.r.foot_kpts, 3, 18, 3)},
                    {list: 'face_kpts', n: len(a.r.face_kpts), want: 204, flag: 'face_valid', valid: a.r.face_valid, flags: list_slice(a.r.face_kpts, 3, 204, 3)},
                    {list: 'lefthand_kpts', n: len(a.r.lefthand_kpts), want: 63, flag: 'lefthand_valid', valid: a.r.lefthand_valid, flags: list_slice(a.r.lefthand_kpts, 3, 63, 3)},
                    {list: 'righthand_kpts', n: len(a.r.righthand_kpts), want: 63, flag: 'righthand_valid', valid: a.r.righthand_valid, flags: list_slice(a.r.righthand_kpts, 3, 63, 3)}
                ],
                lambda q: case
                    when q.n is null then
                        {kind: 'field-missing', message: q.list || ' is missing; its ' || (q.want // 3) || ' joints are not labelled'}
                    when q.n <> q.want then
                        {kind: 'wrong-joint-count', message: q.list || ' has ' || q.n || ' numbers, expected ' || q.want
                            || '; its ' || (q.want // 3) || ' joints are not labelled'}
                    when flag_off(q.valid) and list_max(q.flags) > 0 then
                        {kind: 'visibility-invalid', message: q.flag || ' is ' || q.valid::varchar
                            || ', but its joints are flagged as labelled; they are read as not labelled'} end
            ),
            lambda q: q is not null
        )) as p
    from raw_annotation a
    where coalesce(a.r.foot_kpts, a.r.face_kpts, a.r.lefthand_kpts, a.r.righthand_kpts) is not null
) q
join build_file f on f.absolute = q.filename;

-- name: flag_problems
-- Parts' flags that can't be understood. Told last: keypoint_problems and annotation_problems take a field-type
-- that is there before them for the cause of what they find.
insert into problem
select
    $dataset, f.file_id,
    'annotations[' || ord || ']' || coalesce(' (id ' || id || ')', ''),
    'field-type',
    flag.name || ' is ' || case when len(flag.found) > 60 then left(flag.found, 57) || '...' else flag.found end
        || ', expected true or false; taken for true'
from (
    select
        filename, ord, r.id as id,
        unnest(list_filter(
            [
                {name: 'foot_valid', found: case when not flag_known(r.foot_valid) then r.foot_valid::varchar end},
                {name: 'face_valid', found: case when not flag_known(r.face_valid) then r.face_valid::varchar end},
                {name: 'lefthand_valid', found: case when not flag_known(r.lefthand_valid) then r.lefthand_valid::varchar end},
                {name: 'righthand_valid', found: case when not flag_known(r.righthand_valid) then r.righthand_valid::varchar end}
            ],
            lambda q: q.found is not null
        )) as flag
    from raw_annotation
) q
join build_file f on f.absolute = q.filename;

-- name: padded
-- Human-Art's annotations that lack a usable keypoints_21, but have the 17 joints that it begins with. Where a
-- file has no such list at all, its categories name more joints than it holds, and are read as the first 17.
create or replace temp table padded as
select a.rowid as place
from raw_annotation a
where len(a.r.keypoints) = 51
    and len(a.r.keypoints_21) is distinct from 63
    and coalesce(a.r.foot_kpts, a.r.face_kpts, a.r.lefthand_kpts, a.r.righthand_kpts) is null
    and a.filename in (select filename from raw_annotation where r.keypoints_21 is not null)
    and exists (
        select 1
        from (select * from raw_category qualify row_number() over (partition by filename, r.id order by ord) = 1) c
        where c.filename = a.filename and c.r.id = a.r.category_id and len(c.r.keypoints) = 21
    );

-- name: problems_of_21
insert into problem
select
    $dataset, f.file_id,
    'annotations[' || a.ord || ']' || coalesce(' (id ' || a.r.id || ')', ''),
    case when a.r.keypoints_21 is null then 'field-missing' else 'wrong-joint-count' end,
    'keypoints_21 ' || coalesce('has ' || len(a.r.keypoints_21) || ' numbers, expected 63', 'is missing')
        || case when p.place is not null then '; the 17 joints of keypoints are read, the other 4 are not labelled'
            else '; kept as an attribute' end
from raw_annotation a
join build_file f on f.absolute = a.filename
left join padded p on p.place = a.rowid
-- somebody without any joint has an empty list, or none
where p.place is not null or len(a.r.keypoints_21) not in (0, 63);

-- name: join_parts
-- COCO-WholeBody's 133 joints from its five lists: a list of another length than its joints need, or one
-- that its own flag calls not valid, is not labelled. Human-Art's keypoints_21 begins with its keypoints.
create or replace temp table raw_annotation as
select
    filename,
    ord,
    case
        when coalesce(r.foot_kpts, r.face_kpts, r.lefthand_kpts, r.righthand_kpts) is not null
            then struct_update(
                r,
                keypoints := part_list(r.keypoints, 51, null::json)
                    || part_list(r.foot_kpts, 18, r.foot_valid)
                    || part_list(r.face_kpts, 204, r.face_valid)
                    || part_list(r.lefthand_kpts, 63, r.lefthand_valid)
                    || part_list(r.righthand_kpts, 63, r.righthand_valid)
            )
        when len(r.keypoints_21) = 63 then struct_update(r, keypoints := r.keypoints_21)
        when rowid in (select place from padded) then struct_update(r, keypoints := list_resize(r.keypoints, 63, 0.0))
        else r
    end as r,
    case
        when coalesce(r.foot_kpts, r.face_kpts, r.lefthand_kpts, r.righthand_kpts) is not null
            and len(r.keypoints) <> 51
            then r.keypoints
    end as body
from raw_annotation
order by rowid;

-- name: categories
-- Each category that a file declares or an annotation uses, with the lengths of its keypoint lists.
select
    f.file_id,
    f.absolute,
    u.category_id,
    c.r.name as name,
    c.r.keypoints as joints,
    c.r.skeleton as bones,
    coalesce(u.lengths, map {}) as lengths,
    c.filename is not null as declared
from (
    select filename, category_id, histogram(n) filter (where n > 0) as lengths
    from (
        select filename, r.category_id as category_id, len(r.keypoints) as n from raw_annotation
        union all
        select filename, r.id, null from raw_category
    )
    group by filename, category_id
) u
join build_file f on f.absolute = u.filename
left join (
    select * from raw_category qualify row_number() over (partition by filename, r.id order by ord) = 1
) c on c.filename = u.filename and c.r.id = u.category_id
order by f.file_id, c.ord nulls last, u.category_id;

-- name: flags_fit
-- Whether every third number of a category's keypoint lists of this length could be a visibility flag.
select bool_and(len(list_filter(list_slice(r.keypoints, 3, $length, 3), lambda v: v not in (0, 1, 2))) = 0)
from (
    select r from raw_annotation
    where filename = $filename and r.category_id is not distinct from $category and len(r.keypoints) = $length
    limit 2000
);

-- name: kept_images
-- One row an id and file; the others are reported.
create or replace temp table kept_image as
select filename, ord, r, $first_image + rowid as image_id
from raw_image
where r is not null and r.id is not null
qualify row_number() over (partition by filename, r.id order by ord) = 1;

-- name: images
insert into image
select
    k.image_id,
    $dataset,
    f.file_id,
    k.r.id as source_id,
    coalesce(k.r.file_name, k.r.id) as key,
    k.r.file_name,
    coalesce(f.split, 'unsplit') as split,
    case when k.r.width between 1 and 1e9 then try_cast(k.r.width as integer) end as width,
    case when k.r.height between 1 and 1e9 then try_cast(k.r.height as integer) end as height,
    null, null, null, null,
    nullif(
        json_merge_patch(
            '{}',
            json_object(
                'crowdIndex', k.r.crowdIndex, 'category', k.r.category, 'author', k.r.author,
                'picture_name', k.r.picture_name, 'description', k.r.description
            )
        ),
        '{}'
    ) as attributes
from kept_image k
join build_file f on f.absolute = k.filename
order by k.image_id;

-- name: instances
-- Annotations tied to their image, with the category's skeleton; an orphan has no image to hang on and
-- lives on as a problem alone. An id is the row's number, so it does not depend on the joins.
create or replace temp table instance as
select
    $first_annotation + a.rowid as annotation_id,
    i.image_id,
    a.filename,
    a.ord,
    a.r,
    a.body,
    c.label,
    c.skeleton,
    c.joints,
    c.dims,
    -- a list of another length has joints that nothing names
    len(a.r.keypoints) = c.joints * c.dims as fits
from raw_annotation a
join kept_image i on i.filename = a.filename and i.r.id = a.r.image_id
left join category c on c.filename = a.filename and c.category_id is not distinct from a.r.category_id
where a.r is not null;

-- name: keypoints
insert into keypoint
select
    annotation_id,
    j::smallint as joint,
    case when isfinite(xs) then xs end as x,
    case when isfinite(ys) then ys end as y,
    case when vs = trunc(vs) and vs between -128 and 127 then vs::tinyint end as visibility
from (
    select
        annotation_id,
        j,
        keypoints[j * dims + 1] as xs,
        keypoints[j * dims + 2] as ys,
        case when dims = 3 then keypoints[j * dims + 3] end as vs
    from (
        select annotation_id, dims, r.keypoints as keypoints, unnest(range(joints)) as j
        from instance
        where fits
    )
)
order by annotation_id, joint;

-- name: annotations
-- num_keypoints is kept where it is not what the flags say; keypoints where nothing names the joints, or where
-- they were of no use among COCO-WholeBody's lists; only where both are so do the body's need another name.
insert into annotation
select
    n.annotation_id,
    $dataset,
    n.image_id,
    n.r.id as source_id,
    row_number() over (partition by n.image_id order by n.annotation_id) - 1 as ordinal,
    'instance',
    n.label,
    case when isfinite(n.r.bbox[1]) then n.r.bbox[1] end,
    case when isfinite(n.r.bbox[2]) then n.r.bbox[2] end,
    case when isfinite(n.r.bbox[3]) then n.r.bbox[3] end,
    case when isfinite(n.r.bbox[4]) then n.r.bbox[4] end,
    case when isfinite(n.r.area) then n.r.area end,
    coalesce(n.r.iscrowd, 0) > 0 as crowd,
    n.skeleton,
    null, null, null, null,
    nullif(
        json_merge_patch(
            '{}',
            json_object(
                'keypoints', case when len(n.r.keypoints) > 0 and not coalesce(n.fits, false) then n.r.keypoints else n.body end,
                'body_keypoints', case when not coalesce(n.fits, false) then n.body end,
                'keypoints_21', case when len(n.r.keypoints_21) not in (0, 63) then n.r.keypoints_21 end,
                'num_keypoints', case when n.r.num_keypoints <> coalesce(k.labelled, 0) then n.r.num_keypoints end,
                'foot_kpts', case when len(n.r.foot_kpts) <> 18 then n.r.foot_kpts end,
                'face_kpts', case when len(n.r.face_kpts) <> 204 then n.r.face_kpts end,
                'lefthand_kpts', case when len(n.r.lefthand_kpts) <> 63 then n.r.lefthand_kpts end,
                'righthand_kpts', case when len(n.r.righthand_kpts) <> 63 then n.r.righthand_kpts end,
                'foot_valid', n.r.foot_valid, 'face_valid', n.r.face_valid,
                'lefthand_valid', n.r.lefthand_valid, 'righthand_valid', n.r.righthand_valid,
                'face_box', n.r.face_box, 'lefthand_box', n.r.lefthand_box, 'righthand_box', n.r.righthand_box,
                'center', n.r.center, 'scale', n.r.scale,
                'self_contact', n.r.self_contact, 'annotator', n.r.annotator
            )
        ),
        '{}'
    ) as attributes
from instance n
left join (
    -- where further lists follow the 17 of COCO, num_keypoints counts those 17 alone
    select k.annotation_id, count_if(k.visibility is null or k.visibility > 0) as labelled
    from keypoint k
    join instance n on n.annotation_id = k.annotation_id
    where k.annotation_id >= $first_annotation
        and (
            k.joint < 17
            or coalesce(n.r.keypoints_21, n.r.foot_kpts, n.r.face_kpts, n.r.lefthand_kpts, n.r.righthand_kpts) is null
        )
    group by k.annotation_id
) k using (annotation_id)
order by n.annotation_id;

-- name: counts
select
    (select count(*) from raw_image),
    (select count(*) from raw_annotation),
    (select count(r.num_keypoints) from raw_annotation);

-- name: image_problems
insert into problem
select
    $dataset, f.file_id,
    'images[' || a.ord || ']' || coalesce(' (id ' || a.r.id || ')', ''),
    case when a.r is null then 'record-malformed'
        when a.r.id is null then 'field-missing'
        when a.r.file_name is null then 'field-missing'
        else 'duplicate-image-id' end,
    case when a.r is null then 'the image is null, expected an object'
        when a.r.id is null then 'the image has no id'
        when a.r.file_name is null then 'the image has no file_name; its id serves as its key'
        else 'the image id ' || a.r.id || ' has been used already in this file; the first one counts' end
from raw_image a
join build_file f on f.absolute = a.filename
left join kept_image k on k.filename = a.filename and k.ord = a.ord
where k.ord is null or a.r.file_name is null;

-- name: size_problems
insert into problem
select
    $dataset, f.file_id,
    'images[' || k.ord || '] (id ' || k.r.id || ')',
    case when not isfinite(k.r.width) or not isfinite(k.r.height) then 'non-finite-coordinate' else 'negative-size' end,
    'the image is ' || coalesce(k.r.width::varchar, 'null') || ' x ' || coalesce(k.r.height::varchar, 'null')
        || ' pixels, expected at least 1 x 1; such a size counts as unknown'
from kept_image k
join build_file f on f.absolute = k.filename
where not (k.r.width between 1 and 1e9 and k.r.height between 1 and 1e9);

-- name: annotation_problems
insert into problem
select $dataset, f.file_id, locator, p.kind, p.message
from (
    select
        filename,
        'annotations[' || ord || ']' || coalesce(' (id ' || r.id || ')', '') as locator,
        unnest(list_filter(
            [
                case when r is null then
                    {kind: 'record-malformed', message: 'the annotation is null, expected an object'}
                when r.image_id is null then
                    {kind: 'field-missing', message: 'the annotation has no image_id'}
                when not has_image then
                    {kind: 'orphan-annotation', message: 'image_id ' || r.image_id || ' is not in this file''s images; the annotation can''t be shown'} end,
                case when r is not null and not has_category then
                    {kind: 'unknown-label', message: coalesce('category_id ' || r.category_id || ' is not in this file''s categories', 'the annotation has no category_id')} end,
                case when len(r.bbox) <> 4 then
                    {kind: 'field-type', message: 'bbox has ' || len(r.bbox) || ' numbers, expected 4'}
                when r.bbox is not null and (r.bbox[1] is null or r.bbox[2] is null or r.bbox[3] is null or r.bbox[4] is null) then
                    {kind: 'field-type', message: 'bbox holds null, expected 4 numbers'}
                when not (isfinite(r.bbox[1]) and isfinite(r.bbox[2]) and isfinite(r.bbox[3]) and isfinite(r.bbox[4])) then
                    {kind: 'non-finite-coordinate', message: 'bbox is ' || r.bbox::varchar || ', expected finite numbers'}
                when r.bbox[3] < 0 or r.bbox[4] < 0 then
                    {kind: 'negative-size', message: 'bbox is ' || r.bbox::varchar || ': a width or height below 0'}
                when r is not null and r.bbox is null and file_has_boxes then
                    {kind: 'field-missing', message: 'bbox is missing, where other annotations of this file have one'} end,
                case when not isfinite(r.area) then
                    {kind: 'non-finite-coordinate', message: 'area is ' || r.area || ', expected a finite number'} end,
                case when repeated then
                    {kind: 'duplicate-annotation-id', message: 'the annotation id ' || r.id || ' has been used already in this file; both are kept'} end
            ],
            lambda q: q is not null
        )) as p
    from (
        select
            a.filename, a.ord, a.r,
            i.image_id is not null as has_image,
            c.category_id is not null as has_category,
            max(a.r.bbox is not null) over (partition by a.filename) as file_has_boxes,
            a.r.id is not null and row_number() over (partition by a.filename, a.r.id order by a.ord) > 1 as repeated
        from raw_annotation a
        left join kept_image i on i.filename = a.filename and i.r.id = a.r.image_id
        left join category c on c.filename = a.filename and c.category_id = a.r.category_id and c.declared
    )
) q
join build_file f on f.absolute = q.filename
where not exists (
    select 1 from problem e
    where e.file_id = f.file_id and e.locator = q.locator and e.kind = 'field-type' and p.kind in ('field-type', 'field-missing')
);

-- name: keypoint_problems
insert into problem
select $dataset, f.file_id, locator, p.kind, p.message
from (
    select
        n.filename,
        'annotations[' || n.ord || ']' || coalesce(' (id ' || n.r.id || ')', '') as locator,
        unnest(list_filter(
            [
                case when len(n.r.keypoints) > 0 and not coalesce(n.fits, false) then
                    {kind: 'wrong-joint-count', message: 'keypoints has ' || len(n.r.keypoints) || ' numbers, expected '
                        || coalesce(n.joints || ' x ' || n.dims, 'none') || '; kept as an attribute'} end,
                case when k.bad_places > 0 then
                    {kind: 'non-finite-coordinate', message: k.bad_places || ' keypoints have coordinates that are not finite numbers'} end,
                case when k.bad_flags > 0 then
                    {kind: 'visibility-invalid', message: k.bad_flags || ' visibility flags are not whole numbers, expected 0, 1 or 2'} end
            ],
            lambda q: q is not null
        )) as p
    from instance n
    left join (
        select
            annotation_id,
            count_if(x is null or y is null) as bad_places,
            count_if(visibility is null) filter (where dims = 3) as bad_flags
        from keypoint
        join (select annotation_id, dims from instance) using (annotation_id)
        where annotation_id >= $first_annotation
        group by annotation_id
    ) k using (annotation_id)
    where not coalesce(n.fits, false) or k.bad_places > 0 or k.bad_flags > 0
) q
join build_file f on f.absolute = q.filename
where not exists (
    select 1 from problem e
    where e.file_id = f.file_id and e.locator = q.locator and e.kind = 'field-type' and p.kind <> 'wrong-joint-count'
);

-- name: any_list
-- Whether any annotation came with a list of keypoints that nothing could be made of.
select count(*) from problem where kind = 'wrong-joint-count';
