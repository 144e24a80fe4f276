-- How much is selected: images and boxes, of how many images in the dataset?
select
    (select count(*) from selected_image($f)) as images,
    (select count(*) from selected_box($f)) as annotations,
    (select count(*) from image where dataset_id = struct_extract($f, 'dataset')) as all_images
