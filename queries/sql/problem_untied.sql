-- How many problems of one kind are in no image, and so can be shown by their file alone?
select
    (select count(*) from problem_untied($dataset, $kind)) as untied,
    (select count(*) from problem where dataset_id = $dataset and kind = $kind) as problems
