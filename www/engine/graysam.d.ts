/**
 * Model, image and prompts in a worker. Its calls must not overlap, but for `cancel`.
 */
export class Engine {
    private constructor();
    free(): void;
    [Symbol.dispose](): void;
    /**
     * Puts the image whose parts were encoded into the training set.
     */
    add_labelled(): void;
    /**
     * Puts the best decoder so far in the place of the model's own; `undefined`, and nothing
     * changes, where the untouched one is still the best.
     */
    adopt_best(): Promise<DecoderInfo | undefined>;
    /**
     * Does the search's next piece of work.
     */
    advance_automatic_masks(): Promise<AutomaticMaskProgress>;
    /**
     * Does the next piece of what `begin_learning` or `begin_finding` began; `undefined`: nothing
     * is left to do.
     */
    advance_finding(): Promise<FindingStep | undefined>;
    /**
     * SHA-256 of the loaded model's file, which is read whole at the first call.
     */
    base_sha256(): Promise<string>;
    /**
     * Makes an image that is not open ready for encoding: a page of a file, or the bundled sample
     * where there is none.
     */
    begin_ahead(file: Blob | null | undefined, page: number, display: Display): string;
    /**
     * Begins a search in the open image as it is displayed, in place of the one before. Where the
     * settings choose no tile, a large image's tiles have the side `side`, in pixels of the image;
     * 0: none is given. Where the image is one tile, its embedding serves if it is there.
     */
    begin_automatic_masks(display: Display, settings: AutomaticMaskSettings, side: number): Promise<void>;
    /**
     * Makes the displayed image, or a part of it, ready for encoding and tells the key under which
     * its embedding may have been kept. With the whole image all embeddings before are dropped.
     */
    begin_encoding(display: Display, part?: Part | null): string;
    /**
     * Begins finding in an image, a page of a file or the bundled sample where there is none, with
     * what was learned or opened last. The runs of its labels, none where it has not been labelled,
     * are never suggested.
     */
    begin_finding(file: Blob | null | undefined, page: number, display: Display, runs: Uint32Array | number[]): void;
    /**
     * Begins a search by the model's decoder of instances, as [`Self::begin_automatic_masks`].
     */
    begin_instances(display: Display, method: Method, settings: InstanceSettings, side: number): Promise<void>;
    /**
     * Takes an image with the runs of its labels for the training set; the open one stays. How many
     * parts of it have to be encoded, each after `begin_labelled_part`.
     */
    begin_labelled(file: Blob | null | undefined, page: number, display: Display, runs: Uint32Array | number[]): number;
    /**
     * Makes the next part of the image for the training set ready for encoding, as `begin_encoding`
     * does.
     */
    begin_labelled_part(): string;
    /**
     * Begins learning from the runs of the open image's labels, and then finding in it. The masks
     * of suggestions that were thrown away are between `rejected_bounds`, four numbers each, and
     * their `rejected_bits` follow one another.
     */
    begin_learning(display: Display, runs: Uint32Array | number[], rejected_bounds: Uint32Array | number[], rejected_bits: Uint8Array | number[]): void;
    /**
     * Stops an encoding after the step it is at.
     */
    cancel(): void;
    /**
     * Has the GPU compute what the CPU computes as well. What is wrong is not used from then on; before a model is loaded.
     * On one that is no software the tiles of linear layers are chosen first, if `chooses_tiles`.
     */
    check_device(chooses_tiles: boolean): Promise<DeviceCheck>;
    /**
     * All that `resume_training` needs.
     */
    checkpoint(): Promise<Uint8Array<ArrayBuffer>>;
    /**
     * Empties the training set and drops the training.
     */
    clear_labelled(): void;
    /**
     * RGB of each of 256 grays; `undefined` where the image is in colour.
     */
    colours(display: Display): Uint8Array<ArrayBuffer> | undefined;
    /**
     * Opens the device.
     */
    static create(device: DeviceChoice): Promise<Engine>;
    /**
     * The fine-tuned decoder as safetensors.
     */
    decoder_file(names: Naming): Promise<Uint8Array<ArrayBuffer>>;
    /**
     * What the fine-tuned decoder is known by; `undefined` where there is none.
     */
    decoder_info(): DecoderInfo | undefined;
    device_info(): DeviceInfo;
    /**
     * Drops the search.
     */
    drop_automatic_masks(): void;
    /**
     * Drops what `begin_learning` or `begin_finding` began.
     */
    drop_finding(): void;
    /**
     * The values of the embedding that came last, to be kept.
     */
    embedding(): Promise<Float32Array<ArrayBuffer>>;
    /**
     * Encodes what was made ready and lets the event loop run between the steps, so that
     * `cancel` is heard: `false` if it was; made ready again, it goes on from there. `progress` is called with the steps done and their
     * total.
     */
    encode(progress: (step: number, steps: number) => void): Promise<boolean>;
    /**
     * What was learned, as safetensors.
     */
    finder_file(): Promise<Uint8Array<ArrayBuffer>>;
    /**
     * Ends the search: what it found.
     */
    finish_automatic_masks(): FoundObjects;
    /**
     * Ends what `begin_learning` or `begin_finding` began: what it found.
     */
    finish_finding(): FoundSuggestions;
    /**
     * A 16-bit PNG file of labels.
     */
    labels_png(runs: Uint32Array | number[], width: number, height: number): Uint8Array<ArrayBuffer>;
    /**
     * A TIFF file of labels, which may have pixels that are not annotated.
     */
    labels_tiff(runs: Uint32Array | number[], width: number, height: number): Uint8Array<ArrayBuffer>;
    /**
     * Reads a checkpoint piece by piece and puts its model in place of the one before, which
     * stays if this fails. All that was made with the model before is dropped: the embedding,
     * the fine-tuned decoder, labelled images, the training.
     */
    load_model(file: Blob, progress: (fraction: number) => void): Promise<ModelInfo>;
    /**
     * The selected mask of the last prediction as a PNG file of the image's size: 255 inside and
     * 0 outside.
     */
    mask_png(): Uint8Array<ArrayBuffer>;
    /**
     * Checks the device again and measures it, with the loaded model and the sample image; what is open stays as it is,
     * and what the check finds is only told.
     */
    measure_device(): Promise<DeviceSpeed>;
    /**
     * The whole model with the fine-tuned decoder, handed to `sink` piece by piece: safetensors, or a
     * PyTorch file for micro-sam.
     */
    merged_file(names: Naming, sink: (piece: Uint8Array<ArrayBuffer>) => void): Promise<void>;
    /**
     * The part that is best encoded next for clicks between the corners `bounds`: left, top, right
     * and bottom in pixels of the image, looked at in parts of `side`; `undefined`: none.
     */
    missing_part(side: number, bounds: Float32Array | number[]): Part | undefined;
    /**
     * Opens a fine-tuned decoder's file over the loaded model and uses it.
     */
    open_decoder(file: Blob): Promise<DecoderInfo>;
    /**
     * Opens the file of what was learned, which must be of the loaded model.
     */
    open_finder(file: Blob): Promise<FinderInfo>;
    /**
     * Opens channels of a page of an image file. The image before it stays if this fails.
     */
    open_image(file: Blob, page: number, channels: ChannelChoice): ImageInfo;
    /**
     * Opens a decoder of instances beside the loaded model, which goes with it.
     */
    open_instance_decoder(file: Blob): Promise<ModelInfo>;
    /**
     * Opens the bundled sample.
     */
    open_sample(): ImageInfo;
    /**
     * A BioImage.IO package of the whole model with the fine-tuned decoder, handed to `sink` piece by
     * piece. The bundled sample is encoded for it.
     */
    package(sink: (piece: Uint8Array<ArrayBuffer>) => void): Promise<void>;
    /**
     * Answers all of `rounds`; `undefined` without any. Those with which the list answered last
     * began, too, are not computed again.
     */
    predict(rounds: PromptRound[]): Promise<MaskReply | undefined>;
    /**
     * The mask for a single point, looked at in parts of `side`, whatever the prompts are; they
     * stay.
     */
    preview(x: number, y: number, side: number): Promise<MaskReply>;
    /**
     * The displayed image in 8 bits, at its own size, at half, at a quarter and so on, down to
     * the first that is no larger than `side`: grays, to be shown in `colours`, or RGB.
     */
    render(display: Display, side: number): Uint8Array<ArrayBuffer>[];
    /**
     * The grays of a part of the image, sampled at every `step`-th pixel of every `step`-th row,
     * for as long as the display changes: of those pixels the columns and rows from the first to
     * one past the last. Of several channels RGB; nothing of an image in colour.
     */
    render_part(display: Display, step: number, columns: Uint32Array | number[], rows: Uint32Array | number[]): Uint8Array<ArrayBuffer>;
    /**
     * Takes a kept embedding instead of encoding what was made ready.
     */
    restore_embedding(values: Float32Array | number[]): Promise<void>;
    /**
     * Resumes a training from its checkpoint, on the same training set.
     */
    resume_training(checkpoint: Blob): Promise<TrainingInfo>;
    /**
     * The bundled sample's own labels.
     */
    sample_label_runs(): Uint32Array<ArrayBuffer>;
    /**
     * Begins a training of the untouched decoder on the training set. `held_out` are the
     * places of the images to evaluate on; where there are none, a part of the objects is held out.
     */
    start_training(settings: TrainingSettings, held_out: Uint32Array | number[]): Promise<TrainingInfo>;
    /**
     * The side of the parts in which objects whose longer side is `extent` pixels are seen well in
     * the open image; 0: the whole image.
     */
    suited_side(extent: number): number;
    /**
     * Does without what an earlier check of the same GPU has found wrong.
     */
    take_check(known: DeviceCheck): void;
    /**
     * A small picture of channels of a page of a file, or of the bundled sample, in the display that
     * it is opened with: a PNG file, `side` pixels on the longer side.
     */
    thumbnail(file: Blob | null | undefined, page: number, channels: ChannelChoice, side: number): Uint8Array<ArrayBuffer>;
    /**
     * Does the training's next piece of work. With a pool beside, only calls that have to do with the
     * training must wait for it.
     */
    train(): Promise<TrainingReport>;
    /**
     * What the model's own decoder makes of the prompts of the last prediction; `undefined`
     * without any.
     */
    untouched_mask(): Promise<MaskReply | undefined>;
    /**
     * Chooses whether the fine-tuned decoder or the model's own answers.
     */
    use_fine_tuned(on: boolean): Promise<void>;
    /**
     * Runs decoder and image encoder on zeros, because a GPU compiles their programs at the
     * first use. Only while no image is open; `cancel` is heard between the steps.
     */
    warm_up(): Promise<void>;
    readonly computes_on_cpu: boolean;
    /**
     * What the GPU has done after which only a new engine helps, as part of a sentence.
     */
    readonly device_fault: string | undefined;
    /**
     * Whether the CPU device multiplies with relaxed SIMD.
     */
    readonly products_are_fused: boolean;
}

/**
 * A file to be saved.
 */
export class ExportedFile {
    private constructor();
    free(): void;
    [Symbol.dispose](): void;
    bytes(): Uint8Array<ArrayBuffer>;
    /**
     * Of its image or of the project, and what it holds.
     */
    readonly name: string;
}

/**
 * What a search found.
 */
export class FoundObjects {
    private constructor();
    free(): void;
    [Symbol.dispose](): void;
    /**
     * Those whose IoU the model predicts.
     */
    objects(): FoundObject[];
    /**
     * The runs of the labels, with which this is used up.
     */
    runs(): Uint32Array<ArrayBuffer>;
}

/**
 * What was found with what was learned.
 */
export class FoundSuggestions {
    private constructor();
    free(): void;
    [Symbol.dispose](): void;
    /**
     * The masks within their bounds, one after the other: 255 inside and 0 outside. With them this
     * is used up.
     */
    bits(): Uint8Array<ArrayBuffer>;
    infos(): SuggestionInfo[];
    /**
     * Of the labelled objects, held out in turn; `undefined` where nothing was learned.
     */
    quality(): FinderQuality | undefined;
    /**
     * The sureness, 0..1, from which on suggestions are best shown.
     */
    readonly threshold: number;
}

/**
 * A mask, or what has to be encoded before there is one.
 */
export class MaskReply {
    private constructor();
    free(): void;
    [Symbol.dispose](): void;
    /**
     * The mask within its bounds, row by row: 255 inside and 0 outside. With it this is used up.
     */
    bits(): Uint8Array<ArrayBuffer>;
    /**
     * Left, top, right and bottom of the mask in pixels of the image, the last two just outside;
     * all zero where it has no pixel.
     */
    bounds(): Uint32Array<ArrayBuffer>;
    /**
     * The part of the image whose embedding is missing; `undefined`: there is a mask.
     */
    needs(): Part | undefined;
    prediction(): Prediction | undefined;
}

/**
 * An export under way.
 */
export class ObjectExport {
    free(): void;
    [Symbol.dispose](): void;
    /**
     * Adds an image: its name and its folder, which is empty where it is not known, the runs of its
     * labels, what is known of the objects, the image's file and page, or no file for the
     * bundled sample, and its display, whose channels are measured and which may say how large a
     * pixel is.
     */
    add(name: string, folder: string, runs: Uint32Array | number[], width: number, objects: ObjectRecord[], file: Blob | null | undefined, page: number, display?: Display | null): void;
    finish(): ExportedFile;
    /**
     * Begins a file of a format.
     */
    constructor(format: ExportFormat, classes: ClassRecord[]);
}

/**
 * The objects that a label image or a file of annotations has for an image.
 */
export class OpenedObjects {
    private constructor();
    free(): void;
    [Symbol.dispose](): void;
    known(): KnownObjects;
    /**
     * Reads those of a page, from 0, of the image `name` in `folder`, which has so many `pages`. Where
     * the file is a mask of several parts, `parted` makes an object of each.
     */
    static read(file: Uint8Array | number[], name: string, folder: string, page: number, pages: number, width: number, height: number, parted: boolean): OpenedObjects;
    /**
     * The runs of the labels, with which this is used up.
     */
    runs(): Uint32Array<ArrayBuffer>;
    /**
     * Of how many separate parts the only object is made, where the file is a mask that may mean
     * one object or several.
     */
    readonly parts: number | undefined;
    /**
     * What the person should know of the reading; empty: nothing.
     */
    readonly told: string;
}

/**
 * A large matrix product on an engine's device.
 */
export class Product {
    free(): void;
    [Symbol.dispose](): void;
    /**
     * A linear layer for so many rows.
     */
    constructor(engine: Engine, rows: number, inputs: number, outputs: number);
    /**
     * Multiplies once and waits for the end.
     */
    run(): Promise<void>;
    /**
     * Seconds of one product, by the device's clock where it has one.
     */
    seconds(engine: Engine): Promise<number>;
}

/**
 * The label files of a project, image by image.
 */
export class ProjectLabels {
    free(): void;
    [Symbol.dispose](): void;
    /**
     * Adds an image to the COCO file: what that calls it, the runs of its labels, and what is
     * known of the objects. Returns its label image as a TIFF file, or nothing where that cannot
     * hold the objects' numbers.
     */
    add(name: string, runs: Uint32Array | number[], width: number, height: number, objects: ObjectRecord[]): Uint8Array<ArrayBuffer> | undefined;
    /**
     * The COCO file.
     */
    finish(): Uint8Array<ArrayBuffer>;
    constructor(classes: ClassRecord[]);
    /**
     * The runs of a label image of this size.
     */
    static read(file: Uint8Array | number[], width: number, height: number): Uint32Array<ArrayBuffer>;
}

/**
 * SHA-256 (FIPS 180-4) of bytes that come piece by piece.
 */
export class Sha256 {
    free(): void;
    [Symbol.dispose](): void;
    /**
     * The digest of all bytes so far, 64 lower-case hexadecimal digits.
     */
    hex(): string;
    constructor();
    /**
     * Takes further bytes.
     */
    update(bytes: Uint8Array | number[]): void;
}

/**
 * If `module_or_path` is {RequestInfo} or {URL}, makes a request and
 * for everything else, calls `WebAssembly.instantiate` directly.
 *
 * @param {{ module_or_path: InitInput | Promise<InitInput>, memory?: WebAssembly.Memory, thread_stack_size?: number }} module_or_path - Passing `InitInput` directly is deprecated.
 * @param {WebAssembly.Memory} memory - Deprecated.
 *
 * @returns {Promise<InitOutput>}
 */
export default function __wbg_init (module_or_path: { module_or_path: InitInput | Promise<InitInput>, memory?: WebAssembly.Memory, thread_stack_size?: number } | InitInput | Promise<InitInput>, memory?: WebAssembly.Memory): Promise<InitOutput>;

/**
 * Has products computed with relaxed SIMD (<https://github.com/WebAssembly/relaxed-simd>) from now
 * on: `false` where the browser does not know it. Sums then differ from those without by less
 * than rounding does, and from browser to browser. A thread of the pool calls for itself what this has put
 * into the table of functions, so it needs the same there: see [`fused_tiles`].
 */
export function fuse_products(): boolean;

/**
 * The module whose function `tiles` a thread of the pool puts into its table of functions, as its first addition.
 */
export function fused_tiles(): Uint8Array<ArrayBuffer>;

/**
 * The number of the wait for the GPU that is under way; `undefined`: there is none.
 */
export function gpu_wait(): number | undefined;

/**
 * Instantiates the given `module`, which can either be bytes or
 * a precompiled `WebAssembly.Module`.
 *
 * @param {{ module: SyncInitInput, memory?: WebAssembly.Memory, thread_stack_size?: number }} module - Passing `SyncInitInput` directly is deprecated.
 * @param {WebAssembly.Memory} memory - Deprecated.
 *
 * @returns {InitOutput}
 */
export function initSync(module: { module: SyncInitInput, memory?: WebAssembly.Memory, thread_stack_size?: number } | SyncInitInput, memory?: WebAssembly.Memory): InitOutput;

/**
 * Whether a file holds a decoder of instances without its model.
 */
export function is_instance_decoder(file: Blob): boolean;

/**
 * Gives this thread to the pool for ever.
 */
export function join_pool(): void;

/**
 * What the first panic said, if there was one.
 */
export function last_panic(): string | undefined;

/**
 * The defaults and ranges of all settings.
 */
export function setting_ranges(): SettingRanges;

export function start(): void;

/**
 * Makes the pool: this thread and those that `join_pool`, which are waited for. Before anything is computed, and once.
 */
export function start_pool(threads: number): void;

/**
 * Makes another pool, of so many that `join_pool`: what [`beside`] is given is done there.
 */
export function start_pool_beside(threads: number): void;

export interface AutomaticMaskProgress {
    /**
     * 0..1
     */
    fraction: number;
    /**
     * Masks that were kept so far.
     */
    found: number;
    finished: boolean;
}

/**
 * What is kept of the decoder's answers.
 */
export interface AutomaticMaskSettings {
    /**
     * Points along each side of a tile's grid.
     */
    points_per_side: number;
    /**
     * 1: all of them are asked for; 0: those that promise another mask.
     */
    all_points: number;
    /**
     * Points that are asked for at once.
     */
    batch: number;
    /**
     * The least IoU that the model predicts for a mask, 0..1.
     */
    iou_threshold: number;
    /**
     * The least share, 0..1, of a mask cut one logit lower that is left when it is cut one
     * logit higher.
     */
    stability_threshold: number;
    /**
     * Of two masks whose boxes overlap by a larger IoU the surer one is kept.
     */
    nms_threshold: number;
    /**
     * Pixels.
     */
    min_area: number;
    /**
     * The largest share of the image and of each tile, 0..1: beyond it lies the background.
     */
    max_share: number;
    /**
     * Pixels along a tile's side; a tile as long as the image is the image. 0: chosen by itself,
     * the image where it is small, else what is looked at.
     */
    tile: number;
    /**
     * The share of a tile's side, 0..0.5, that it has in common with its neighbour.
     */
    overlap: number;
}

/**
 * What the pages of a stack differ in, and how many there are of each.
 */
export interface Axes {
    channels: number;
    slices: number;
    frames: number;
    /**
     * `C`, `Z` and `T` in the order in which the pages go through them, the one that changes with
     * every page first.
     */
    order: [string, string, string];
}

/**
 * A kind of objects.
 */
export interface ClassRecord {
    name: string;
    /**
     * `#rrggbb`.
     */
    colour: string;
}

/**
 * What is known of a fine-tuned decoder.
 */
export interface DecoderInfo {
    /**
     * The name of the model it was made from; empty where the file does not tell.
     */
    base: string;
    /**
     * Held-out scores of the untouched decoder, and of this one.
     */
    before: Scores | null;
    after: Scores | null;
    /**
     * Steps after which it was the best.
     */
    steps: number;
}

/**
 * What a check of the GPU has found.
 */
export interface DeviceCheck {
    /**
     * Kernels that compute wrongly and are not used.
     */
    avoided: Kernel[];
    /**
     * All else is right, so that the GPU can be used.
     */
    usable: boolean;
    /**
     * What was wrong and what is done about it, as a sentence, if anything was.
     */
    note: string | null;
    /**
     * The tiles that linear layers are fastest in.
     */
    tiles: Tiles;
}

export interface DeviceInfo {
    /**
     * What to call it, for the user.
     */
    device: string;
    /**
     * Why the GPU was not taken, if it was not.
     */
    note: string | null;
    /**
     * Whether it is a GPU, and no software that stands for one.
     */
    gpu: boolean;
}

/**
 * How fast a device is.
 */
export interface DeviceSpeed {
    /**
     * What a check found to be wrong, as a sentence, if anything was.
     */
    fault: string | null;
    kernels: Rates;
    tiles: Tiles;
    /**
     * With the loaded model.
     */
    model: Measured;
}

/**
 * How a grayscale image is shown.
 */
export interface Display {
    window: WindowKind;
    black: number;
    white: number;
    /**
     * Exponent of brightness; below 1 brightens.
     */
    gamma: number;
    invert: boolean;
    colormap: Colormap;
    /**
     * Displays of earlier versions have none.
     */
    channels?: ChannelChoice;
    /**
     * A way of the file's own that stands for window, black and white; from 0.
     */
    voi?: number | null;
    /**
     * How large a pixel is where the person has said so.
     */
    pixel_size?: PixelSize | null;
}

/**
 * The held-out scores after a step; step 0 is the untouched decoder.
 */
export interface Evaluation extends Scores {
    step: number;
}

/**
 * A way in which a file would have its values shown.
 */
export interface FileDisplay {
    name: string;
    /**
     * Of the window that is most like it.
     */
    black: number;
    white: number;
}

/**
 * What is known of what was learned.
 */
export interface FinderInfo {
    /**
     * Labelled objects that it was learned from.
     */
    objects: number;
}

/**
 * How well the labelled objects are found again, each by what is learned without it.
 */
export interface FinderQuality {
    examples: number;
    found: number;
    missed: number;
    /**
     * What was found where the person says that no such object is.
     */
    wrong: number;
}

/**
 * A piece of learning or finding that was done.
 */
export interface FindingStep {
    step: number;
    steps: number;
}

/**
 * An object that was found.
 */
export interface FoundObject {
    /**
     * Its number in the labels.
     */
    id: number;
    /**
     * As the model predicts it.
     */
    iou: number;
    stability: number;
    /**
     * Pixels of its mask, of which smaller objects may have taken some.
     */
    area: number;
}

export interface ImageInfo {
    width: number;
    height: number;
    kind: ImageKind;
    min: number;
    max: number;
    /**
     * The percentile window.
     */
    low: number;
    high: number;
    /**
     * The window of the full range.
     */
    full_min: number;
    full_max: number;
    /**
     * Pixels in 256 equal bins from `min` to `max`.
     */
    histogram: number[];
    /**
     * From 0.
     */
    page: number;
    pages: number;
    /**
     * The values that the file would show as black and as white, if it says so.
     */
    window: [number, number] | null;
    /**
     * Whether the file would show large values dark.
     */
    invert: boolean;
    /**
     * How large a pixel is, if the file says so and can be trusted.
     */
    pixel_size: PixelSize | null;
    /**
     * Names of the file's channels, of which some may be empty.
     */
    channels: string[];
    /**
     * What the file's pages differ in, if it says so.
     */
    axes: Axes | null;
    /**
     * The channel, slice and frame of this page on these axes, from 0.
     */
    place: [number, number, number] | null;
    /**
     * The ways in which the file would have its values shown, the first of them by default; none
     * where that is but a window.
     */
    voi: FileDisplay[];
}

export interface InitOutput {
    readonly memory: WebAssembly.Memory;
}

/**
 * What of the maps becomes objects.
 */
export interface InstanceSettings {
    /**
     * Pixels above it are foreground.
     */
    foreground_threshold: number;
    /**
     * Foreground whose distances to its object's centre and border are both below these is a seed.
     */
    center_distance_threshold: number;
    boundary_distance_threshold: number;
    /**
     * Least area of an object, in pixels.
     */
    min_size: number;
}

/**
 * What is known of an image's objects besides their pixels.
 */
export interface KnownObjects {
    objects: ObjectRecord[];
    classes: ClassRecord[];
}

/**
 * Medians.
 */
export interface Measured {
    device: string;
    runs: number;
    /**
     * Without the image's preparation.
     */
    encoder_s: number;
    /**
     * A click on the encoded image, until its mask is there in the image's size.
     */
    decoder_s: number;
    training_step_s: number;
    matmul_tflops: number;
    /**
     * The rate of the encoder's matrix products in percent of that one's, where they are known.
     */
    encoder_share: number | null;
    /**
     * What the GPU's allocator holds after the encodings, with the model's weights. CubeCL keeps what
     * it once took, so this is the peak but for buffers that it gave back.
     */
    encoder_memory_mb: number | null;
    /**
     * The same after the clicks.
     */
    decoder_memory_mb: number | null;
    /**
     * The same in the end.
     */
    memory_mb: number | null;
}

export interface ModelInfo {
    name: string;
    parameters: number;
    /**
     * It has a decoder of instances.
     */
    instances: boolean;
}

/**
 * What is known of an object besides its pixels.
 */
export interface ObjectRecord {
    /**
     * Its number in the label image.
     */
    id: number;
    /**
     * Empty where it has none.
     */
    name: string;
    /**
     * Its place in the list of classes.
     */
    class: number | null;
    /**
     * The IoU that the model predicted.
     */
    iou: number | null;
}

/**
 * A rectangle of an image, in its pixels.
 */
export interface Part {
    x: number;
    y: number;
    width: number;
    height: number;
}

/**
 * The size of a pixel in a unit of length.
 */
export interface PixelSize {
    /**
     * Width and height, finite and above 0.
     */
    size: [number, number];
    /**
     * `nm`, `µm` or `mm`.
     */
    unit: string;
}

export interface Prediction {
    /**
     * Predicted IoU of each candidate: three after a single point, else one.
     */
    ious: number[];
    selected: number;
    /**
     * Pixels of the selected mask.
     */
    area: number;
    /**
     * What of the image the model saw.
     */
    part: Part;
}

/**
 * A prompt and the candidate that the person chose of its answer; null: the one of the highest
 * predicted IoU.
 */
export interface PromptRound {
    prompt: Prompt;
    candidate: number | null;
    /**
     * Side, in pixels of the image, of the parts in which the person looked at it; 0: the whole
     * image.
     */
    side: number;
}

/**
 * How fast a kernel is.
 */
export interface Rate {
    name: string;
    /**
     * Seconds of one run.
     */
    seconds: number;
    /**
     * 10¹² multiplications and additions in a second.
     */
    tflops: number;
    /**
     * That rate in percent of a plain product's.
     */
    of_product: number;
    /**
     * Its part of the time of ViT-B's encoder in percent, as far as it is these kernels'; `None`: it is not in it.
     */
    of_encoder: number | null;
}

/**
 * The kernels of a GPU, side by side.
 */
export interface Rates {
    /**
     * By the GPU's own clock, not by the one on the wall.
     */
    by_gpu_clock: boolean;
    /**
     * 10¹² multiplications and additions in a second of Burn's product of 4096 × 768 by 3072 in float32, which the rates
     * are compared with.
     */
    product_tflops: number;
    kernels: Rate[];
}

/**
 * Mean IoU over the objects, 0..1, of the single-mask output.
 */
export interface Scores {
    objects: number;
    /**
     * Prompted with the label's pixel nearest to its centroid.
     */
    point_iou: number;
    /**
     * Prompted with the label's tight box.
     */
    box_iou: number;
}

/**
 * A setting's default and the range that it is checked against.
 */
export interface SettingRange {
    default: number;
    min: number;
    max: number;
    integer: boolean;
}

/**
 * The defaults and ranges of all settings.
 */
export interface SettingRanges {
    /**
     * The default.
     */
    display: Display;
    automatic_masks: Record<keyof AutomaticMaskSettings, SettingRange>;
    instances: Record<keyof InstanceSettings, SettingRange>;
    training: Record<keyof TrainingSettings, SettingRange>;
}

/**
 * A mask that may be an object.
 */
export interface SuggestionInfo {
    /**
     * 0..1
     */
    sureness: number;
    /**
     * Left, top, right and bottom in pixels of the image, the last two just outside.
     */
    bounds: [number, number, number, number];
}

/**
 * The tiles of linear layers, by the weights' type.
 */
export interface Tiles {
    /**
     * Of weights in float32.
     */
    single: Tile;
    /**
     * Of weights in float16.
     */
    half: Tile;
}

/**
 * How a training stands.
 */
export interface TrainingInfo {
    step: number;
    settings: TrainingSettings;
    training_objects: number;
    held_out_objects: number;
    /**
     * Of each step; null where it was not finite.
     */
    losses: (number | null)[];
    evaluations: Evaluation[];
}

/**
 * The outcome of one piece of work.
 */
export interface TrainingReport {
    /**
     * Steps done so far, and all.
     */
    step: number;
    steps: number;
    /**
     * The loss of a step; null where it was not finite and the step was skipped.
     */
    loss?: number | null;
    /**
     * Held-out objects evaluated so far and all, in the midst of an evaluation.
     */
    evaluated: [number, number] | null;
    /**
     * The result of one that has just ended.
     */
    evaluation: Evaluation | null;
    finished: boolean;
}

/**
 * What a person may set; the defaults just work.
 */
export interface TrainingSettings {
    steps: number;
    /**
     * Objects that a step trains on.
     */
    batch: number;
    /**
     * AdamW's highest learning rate, after the warm-up.
     */
    learning_rate: number;
    /**
     * Rounds for each prompt: the first, and one for each correction.
     */
    rounds: number;
    /**
     * The part of the objects whose first prompt is a point, 0..1; that of the others is a box.
     */
    points: number;
    /**
     * The part that is held out, 0..1.
     */
    held_out: number;
    /**
     * Steps between two evaluations on the held-out objects.
     */
    evaluate_every: number;
    seed: number;
}

/**
 * Which channels of an image are read; they are counted from 0.
 */
export type ChannelChoice = "own" | { one: number } | { composite: [number | null, number | null, number | null] };

/**
 * Colours for brightness 0..=1.
 *
 * Viridis and inferno are interpolated linearly between 17 equidistant control points of
 * matplotlib's tables, from which no channel differs by more than 6 of 255.
 */
export type Colormap = "gray" | "viridis" | "inferno";

/**
 * Which device is asked for.
 */
export type DeviceChoice = "auto" | "cpu" | "webgpu";

/**
 * The file format of an export.
 */
export type ExportFormat = "tiff" | "png" | "coco" | "coco-polygons" | "geojson" | "imagej" | "csv" | "everything";

/**
 * What an image's samples are.
 */
export type ImageKind = "8-bit grayscale" | "16-bit grayscale" | "32-bit float grayscale" | "colour" | "several channels";

export type InitInput = RequestInfo | URL | Response | BufferSource | WebAssembly.Module;

/**
 * What of these kernels a GPU may compute wrongly by itself. A process opens one GPU, so it is avoided there by all.
 */
export type Kernel = "linear" | "half-linear" | "attention" | "table-attention";

/**
 * What is made of the maps.
 */
export type Method = "watershed" | "prompts";

/**
 * Whose names a file is written with.
 */
export type Naming = "segment_anything" | "hugging_face" | "micro_sam";

/**
 * In pixels of the image, x to the right and y down. The runs of a mask are the lengths of its
 * pixels outside and inside in turn, row by row of its box.
 */
export type Prompt = { kind: "point"; x: number; y: number; positive: boolean } | { kind: "box"; x0: number; y0: number; x1: number; y1: number } | { kind: "mask"; x0: number; y0: number; x1: number; y1: number; runs: number[] };

export type SyncInitInput = BufferSource | WebAssembly.Module;

/**
 * The rows and columns of a product that a workgroup computes.
 */
export type Tile = "128 × 64" | "64 × 64" | "128 × 128";

export type WindowKind = "percentile" | "minmax" | "full" | "range";
