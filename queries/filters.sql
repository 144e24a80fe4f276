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

create macro selected_image(f) as table
select i.*
from image i
where i.dataset_id = struct_extract(f, 'dataset')
    and (struct_extract(f, 'splits') is null or list_contains(struct_extract(f, 'splits'), i.split))
    and (struct_extract(f, 'subjects') is null or list_contains(struct_extract(f, 'subjects'), i.subject))
    and (struct_extract(f, 'genders') is null
        or list_contains(struct_extract(f, 'genders'), coalesce(i.gender, 'not recorded')))
    and (struct_extract(f, 'races') is null
        or list_contains(struct_extract(f, 'races'), coalesce(i.race, 'not recorded')))
    and (struct_extract(f, 'ages') is null
        or list_contains(struct_extract(f, 'ages'), age_band(i.age)))
    and (struct_extract(f, 'labels') is null or i.image_id in (
        select a.image_id from annotation a
        where a.dataset_id = struct_extract(f, 'dataset')
            and list_contains(struct_extract(f, 'labels'), a.label)
    ));

-- Instances only: HaGRID's united boxes are no hands and are never counted as such.
create macro selected_annotation(f) as table
select a.*, i.split, i.subject, i.width, i.height
from annotation a
join image i using (image_id)
where a.dataset_id = struct_extract(f, 'dataset')
    and a.kind = 'instance'
    and (struct_extract(f, 'labels') is null or list_contains(struct_extract(f, 'labels'), a.label))
    and (struct_extract(f, 'splits') is null or list_contains(struct_extract(f, 'splits'), i.split))
    and (struct_extract(f, 'subjects') is null or list_contains(struct_extract(f, 'subjects'), i.subject))
    and (struct_extract(f, 'genders') is null
        or list_contains(struct_extract(f, 'genders'), coalesce(i.gender, 'not recorded')))
    and (struct_extract(f, 'races') is null
        or list_contains(struct_extract(f, 'races'), coalesce(i.race, 'not recorded')))
    and (struct_extract(f, 'ages') is null
        or list_contains(struct_extract(f, 'ages'), age_band(i.age)));
