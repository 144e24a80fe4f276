-- The filters that every page shares, in one place: what is selected of each table. `f` is a struct
-- (filters.py makes it); a field that is NULL selects everything. Queries read from these macros
-- instead of the tables.

create macro age_band(age) as case
    when age is null or not isfinite(age) then 'not recorded'
    when age < 0 then 'below 0'
    when age < 18 then 'under 18'
    when age < 30 then '18-29'
    when age < 40 then '30-39'
    when age < 50 then '40-49'
    when age < 60 then '50-59'
    else '60 and over'
end;

-- What has a finding of the checks asked for that counts; annotation_id NULL: the whole image.
create macro flagged(f) as table
select image_id, annotation_id
from finding
where dataset_id = struct_extract(f, 'dataset')
    and list_contains(struct_extract(f, 'findings'), check_id)
    and image_id is not null and suppressed is null;

-- Conditions fold to constants before a query runs, subqueries only where nothing comes out of them: each
-- subquery below is therefore empty by a constant of its own where its field is not filtered.

-- Whether a field of the images is filtered, and the condition itself.
create macro by_image(f) as struct_extract(f, 'splits') is not null
    or struct_extract(f, 'subjects') is not null or struct_extract(f, 'genders') is not null
    or struct_extract(f, 'races') is not null or struct_extract(f, 'ages') is not null;
create macro image_passes(f, split, subject, gender, race, age) as
    (struct_extract(f, 'splits') is null or list_contains(struct_extract(f, 'splits'), split))
    and (struct_extract(f, 'subjects') is null or list_contains(struct_extract(f, 'subjects'), subject))
    and (struct_extract(f, 'genders') is null
        or list_contains(struct_extract(f, 'genders'), coalesce(gender, 'not recorded')))
    and (struct_extract(f, 'races') is null
        or list_contains(struct_extract(f, 'races'), coalesce(race, 'not recorded')))
    and (struct_extract(f, 'ages') is null or list_contains(struct_extract(f, 'ages'), age_band(age)));
create macro label_passes(f, label) as struct_extract(f, 'labels') is null
    or list_contains(struct_extract(f, 'labels'), coalesce(label, 'no class'));

create macro selected_image(f) as table
select i.*
from image i
where i.dataset_id = struct_extract(f, 'dataset')
    and image_passes(f, i.split, i.subject, i.gender, i.race, i.age)
    and (struct_extract(f, 'labels') is null or i.image_id in (
        select a.image_id from annotation a
        where a.dataset_id = struct_extract(f, 'dataset')
            and list_contains(struct_extract(f, 'labels'), coalesce(a.label, 'no class'))
    ))
    and (struct_extract(f, 'findings') is null or i.image_id in (select image_id from flagged(f)));

-- Instances only: HaGRID's united boxes are no hands and are never counted as such. Without their images'
-- columns, so that without a filter of the images a million of them need not be looked up.
create macro selected_box(f) as table
select a.*
from annotation a
where a.dataset_id = struct_extract(f, 'dataset')
    and a.kind = 'instance'
    and label_passes(f, a.label)
    and (not by_image(f) or a.image_id in (
        select i.image_id from image i
        where by_image(f) and i.dataset_id = struct_extract(f, 'dataset')
            and image_passes(f, i.split, i.subject, i.gender, i.race, i.age)
    ))
    -- a finding of an image, or of its united box, is of all its instances
    and (struct_extract(f, 'findings') is null
        or a.annotation_id in (select annotation_id from flagged(f) where annotation_id is not null)
        or a.image_id in (
            select image_id from flagged(f)
            where annotation_id is null
                or annotation_id in (select annotation_id from annotation where kind = 'united')
        ));

-- The same with what is known of their images.
create macro selected_annotation(f) as table
select a.*, i.split, i.subject, i.width, i.height
from annotation a
join image i using (image_id)
where a.dataset_id = struct_extract(f, 'dataset')
    and a.kind = 'instance'
    and label_passes(f, a.label)
    and image_passes(f, i.split, i.subject, i.gender, i.race, i.age)
    and (struct_extract(f, 'findings') is null
        or a.annotation_id in (select annotation_id from flagged(f) where annotation_id is not null)
        or a.image_id in (
            select image_id from flagged(f)
            where annotation_id is null
                or annotation_id in (select annotation_id from annotation where kind = 'united')
        ));

-- HaGRID's boxes around both hands, under the same filters.
create macro selected_united(f) as table
select a.*, i.split, i.subject
from annotation a
join image i using (image_id)
where a.dataset_id = struct_extract(f, 'dataset')
    and a.kind = 'united'
    and label_passes(f, a.label)
    and image_passes(f, i.split, i.subject, i.gender, i.race, i.age)
    and (struct_extract(f, 'findings') is null or i.image_id in (select image_id from flagged(f)));

-- COCO's evaluation sizes, of an area in pixels.
create macro coco_size(area) as case
    when area is null or not isfinite(area) then 'not known'
    when area < 32 * 32 then 'small'
    when area < 96 * 96 then 'medium'
    else 'large'
end;

-- What a click asked for on top of the filters: `n` is Narrow's struct (filters.py). The doors of the
-- pages lead through these macros, so that the viewer shows exactly what a number counted.

-- A box's measure by its name in filters.MEASURES, in the dataset's unit. `per_image` is of the image.
create macro box_measure(measure, x, y, w, h) as case measure
    when 'width' then w
    when 'height' then h
    when 'area' then w * h
    when 'aspect' then w / nullif(h, 0)
    when 'center_x' then x + w / 2
    when 'center_y' then y + h / 2
    when 'unusable' then (not coalesce(w > 0 and h > 0 and isfinite(w) and isfinite(h), false))::int::double
end;

create macro in_range(value, n) as
    value is not null and isfinite(value)
    and (struct_extract(n, 'low') is null or value >= struct_extract(n, 'low'))
    and (struct_extract(n, 'high') is null or value < struct_extract(n, 'high'));

-- The images and annotations that the problems of one kind name: a locator is an image's key or id, or an
-- annotation's id. annotation_id NULL: the whole image.
create macro problem_tied(dataset, wanted) as table
with hit as materialized (
    select distinct file_id, locator, regexp_extract(locator, '\(id (.*)\)$', 1) as source_id
    from problem
    where dataset_id = dataset and kind = wanted
),
tied as materialized (
    select h.file_id, h.locator, i.image_id, null::bigint as annotation_id
    from hit h
    join image i on i.key = h.locator and i.file_id = h.file_id
    where i.dataset_id = dataset
    union all
    select h.file_id, h.locator, i.image_id, null
    from (from hit where starts_with(locator, 'images[')) h
    join image i on i.source_id = h.source_id and i.file_id = h.file_id
    where i.dataset_id = dataset
    union all
    select h.file_id, h.locator, a.image_id, a.annotation_id
    from (from hit where starts_with(locator, 'annotations[')) h
    join annotation a on a.source_id = h.source_id
    join image i on i.image_id = a.image_id and i.file_id = h.file_id
    where a.dataset_id = dataset
)
from tied
union all
-- a key repeated in another file is one image, which is kept under the first file
select h.file_id, h.locator, i.image_id, null
from (from hit anti join tied using (file_id, locator)) h
join image i on i.key = h.locator
where i.dataset_id = dataset;

-- Problems of one kind whose record is in no image.
create macro problem_untied(dataset, wanted) as table
select p.*
from problem p
anti join problem_tied(dataset, wanted) t
    on t.locator = p.locator and t.file_id is not distinct from p.file_id
where p.dataset_id = dataset and p.kind = wanted;

-- Where the problems of one kind are; one that is in no image stands for all images of its file.
create macro problem_place(dataset, wanted) as table
select image_id, annotation_id from problem_tied(dataset, wanted)
union all
select image_id, null
from image
where dataset_id = dataset and file_id in (select file_id from problem_untied(dataset, wanted));

create macro leaked_subject(dataset) as table
select subject
from image
where dataset_id = dataset and subject is not null
group by subject
having count(distinct split) > 1;

-- The conditions that are of an image alone.
create macro narrowed_image_by_itself(f, n) as table
select i.*
from selected_image(f) i
where (struct_extract(n, 'file') is null or i.file_id in (
        select file_id from source_file
        where dataset_id = struct_extract(f, 'dataset') and path = struct_extract(n, 'file')
    ))
    and (struct_extract(n, 'leak') is distinct from true or i.subject in (
        select subject from leaked_subject(struct_extract(f, 'dataset'))
        where struct_extract(n, 'leak')
    ))
    and (struct_extract(n, 'problem') is null or i.image_id in (
        select image_id from problem_place(struct_extract(f, 'dataset'), struct_extract(n, 'problem'))
        where struct_extract(n, 'problem') is not null
    ))
    and (struct_extract(n, 'measure') is distinct from 'per_image'
        or i.image_id in (
            select image_id from selected_box(f)
            where struct_extract(n, 'measure') = 'per_image'
            group by image_id
            having in_range(count(*)::double, n)
        )
        or (in_range(0.0, n) and i.image_id not in (
            select image_id from selected_box(f)
            where struct_extract(n, 'measure') = 'per_image'
        )));

-- Skeletons whose annotations' counts tell of each joint: `labelled` as many as there are joints means every
-- joint, because a record gives none twice, and none beyond the last in a dataset where the largest number is
-- within the skeleton. With them millions of keypoints need not be looked at one by one.
create macro countable_skeleton(dataset) as table
select skeleton, count(*) as joints
from joint
group by skeleton
having count(*) > (
    select max(joint) from keypoint
    where annotation_id > dataset::bigint * 1000000000 and annotation_id < (dataset::bigint + 1) * 1000000000
);

-- Whether all joints of an annotation are in one state: visible, or given without a flag. `joints` is NULL
-- where the counts can't tell.
create macro is_uniform(joints, labelled, visible) as
    coalesce(labelled = joints and coalesce(visible, joints) = joints, false);

-- Annotations with a joint in the state asked for, some more than once. A joint is outside the frame only
-- where somebody set it, and in pixels only where the image's size is known.
create macro annotation_with_joint(f, n) as table
with
named as (
    select skeleton, joint
    from joint
    where struct_extract(n, 'joint') is null or name = struct_extract(n, 'joint')
),
looked_at as (
    select a.annotation_id, a.image_id, a.dataset_id, a.skeleton
    from annotation a
    left join countable_skeleton(struct_extract(f, 'dataset')) c using (skeleton)
    where a.dataset_id = struct_extract(f, 'dataset')
        and (struct_extract(n, 'state') = 'outside' or not is_uniform(c.joints, a.labelled, a.visible))
)
select a.annotation_id
from annotation a
join countable_skeleton(struct_extract(f, 'dataset')) c using (skeleton)
where a.dataset_id = struct_extract(f, 'dataset')
    and a.skeleton in (select skeleton from named)
    and is_uniform(c.joints, a.labelled, a.visible)
    and case struct_extract(n, 'state')
        when 'labelled' then true
        when 'visible' then a.visible is not null
        when 'recorded' then a.visible is null
        else struct_extract(n, 'state') is null
    end
union all
select k.annotation_id
from keypoint k
join looked_at a using (annotation_id)
join dataset d using (dataset_id)
left join (
    from image_size where struct_extract(n, 'state') = 'outside' and exists (
        from dataset where dataset_id = struct_extract(f, 'dataset') and unit = 'pixel'
    )
) s on s.image_id = a.image_id
left join (from named where struct_extract(n, 'joint') is not null) j
    on j.skeleton = a.skeleton and j.joint = k.joint
where (struct_extract(n, 'joint') is null or j.joint is not null)
    and case struct_extract(n, 'state')
        when 'unlabelled' then k.visibility = 0
        when 'labelled' then coalesce(k.visibility, 2) > 0
        when 'occluded' then k.visibility = 1
        when 'visible' then k.visibility = 2
        when 'recorded' then k.visibility is null
        when 'invalid' then k.visibility not in (0, 1, 2)
        when 'absent' then false
        when 'outside' then coalesce(k.visibility, 2) > 0 and (
            k.x < 0 or k.y < 0
            or k.x > case d.unit when 'normalized' then 1 else s.width end
            or k.y > case d.unit when 'normalized' then 1 else s.height end
        )
        else true
    end
union all
-- what is not given has no row in keypoint
select a.annotation_id
from (from looked_at where struct_extract(n, 'state') = 'absent') a
join named j using (skeleton)
anti join (
    select k.annotation_id, k.joint
    from keypoint k
    semi join looked_at using (annotation_id)
    where struct_extract(n, 'state') = 'absent'
) k on k.annotation_id = a.annotation_id and k.joint = j.joint;

-- Whether what is asked for is of the images, and whether it is of their annotations.
create macro asks_images(n) as struct_extract(n, 'file') is not null
    or struct_extract(n, 'leak') is not distinct from true or struct_extract(n, 'problem') is not null
    or struct_extract(n, 'measure') is not distinct from 'per_image';
create macro asks_joints(n) as
    struct_extract(n, 'joint') is not null or struct_extract(n, 'state') is not null;
create macro asks_annotations(n) as
    asks_joints(n) or coalesce(struct_extract(n, 'measure'), 'per_image') <> 'per_image';

-- Selected annotations, as far as they are asked for. Where a problem names an annotation it is that one;
-- where it names an image, all of the image's.
create macro narrowed_annotation(f, n) as table
select a.*
from selected_box(f) a
where (not asks_images(n)
        or a.image_id in (select image_id from narrowed_image_by_itself(f, n) where asks_images(n)))
    and (struct_extract(n, 'problem') is null
        or a.image_id in (
            select image_id
            from problem_place(struct_extract(f, 'dataset'), struct_extract(n, 'problem'))
            where annotation_id is null and struct_extract(n, 'problem') is not null
        )
        or a.annotation_id in (
            select annotation_id
            from problem_place(struct_extract(f, 'dataset'), struct_extract(n, 'problem'))
            where annotation_id is not null and struct_extract(n, 'problem') is not null
        ))
    and (struct_extract(n, 'measure') is null or struct_extract(n, 'measure') = 'per_image'
        or in_range(box_measure(struct_extract(n, 'measure'), a.x, a.y, a.w, a.h), n))
    and (not asks_joints(n)
        or a.annotation_id in (select annotation_id from annotation_with_joint(f, n) where asks_joints(n)));

-- Selected images, as far as they are asked for: those with an annotation that is, where a joint or a
-- box is asked for, and else the images without annotations too.
create macro narrowed_image(f, n) as table
select i.*
from narrowed_image_by_itself(f, n) i
where not asks_annotations(n)
    or i.image_id in (select image_id from narrowed_annotation(f, n) where asks_annotations(n));

-- Where an annotation comes in an order of the viewer's (scenes.ORDERS); NULL is last, and none is first.
create macro order_rank(ordering, w, h, labelled) as case ordering
    when 'largest' then -(case when isfinite(w * h) then w * h end)
    when 'smallest' then case when isfinite(w * h) then w * h end
    when 'fewest_joints' then labelled
    when 'most_joints' then -labelled
end;

-- Findings under the shared filters. One that is of no image (a class, the whole dataset) is there as long
-- as nothing but findings is filtered.
create macro passing_finding(f) as table
select fi.*
from finding fi
where fi.dataset_id = struct_extract(f, 'dataset')
    and (struct_extract(f, 'findings') is null or list_contains(struct_extract(f, 'findings'), fi.check_id))
    and (not by_image(f) or fi.image_id in (
        select i.image_id from image i
        where by_image(f) and image_passes(f, i.split, i.subject, i.gender, i.race, i.age)
    ))
    and (struct_extract(f, 'labels') is null
        or fi.annotation_id in (
            select a.annotation_id from annotation a
            where a.dataset_id = struct_extract(f, 'dataset')
                and list_contains(struct_extract(f, 'labels'), coalesce(a.label, 'no class'))
        )
        -- one of the image as a whole is of all its classes
        or (fi.annotation_id is null and fi.image_id in (
            select a.image_id from annotation a
            where a.dataset_id = struct_extract(f, 'dataset')
                and list_contains(struct_extract(f, 'labels'), coalesce(a.label, 'no class'))
        )));

-- The same with what is known of their images and annotations.
create macro selected_finding(f) as table
select
    fi.*, i.key, i.file_name, i.split, i.subject, a.label, a.ordinal, a.kind, a.source_id, a.skeleton
from passing_finding(f) fi
left join image i on i.image_id = fi.image_id
left join annotation a on a.annotation_id = fi.annotation_id;
