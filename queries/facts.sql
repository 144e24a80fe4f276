-- What `kpaudit measure` learns from pixels and bytes: one file a dataset, swapped in whole. A fact hangs
-- on the image's split and key, so that it outlives an index; image_id is that of the index named here.

create table fact_run (
    dataset_id     integer not null,
    build_id       varchar not null,       -- the index whose image_ids these are
    schema_version integer not null,
    measured_at    timestamp not null,     -- UTC
    seconds        double not null,
    root           varchar,                -- that index's root and image_root: of other folders' files, a fact
    image_root     varchar                 -- is not shown
);

create table image_fact (
    image_id   bigint,                     -- NULL: its image is not in the index any more
    bytes      bigint,                     -- size of the file
    sha256     varchar,                    -- of the file, hex
    phash      ubigint,                    -- 64-bit perceptual hash (DCT); Hamming distance compares
    width      integer,                    -- pixels, as stored in the file
    height     integer,
    blur       double,                     -- variance of the Laplacian of the grey image, 256 px: low is blurred
    brightness double,                     -- mean luma, 0 to 1
    error      varchar,                    -- why there is no measure: missing, unreadable and how
    split      varchar not null,
    key        varchar not null,
    path       varchar,                    -- the file (archive!member where it lies in one); NULL: not found
    mtime_ns   bigint,                     -- an unchanged file is not measured again
    clipped    double,                     -- share of pixels at or above 250 of 255
    contrast   double                      -- standard deviation of luma, 0 to 1
);
