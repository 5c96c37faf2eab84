/**
 * The view model as it arrives from Python (`omnitrace_nb/view/viewmodel.py` is its definition).
 *
 * @typedef {[start: number, count: number]} Range  cells or bytes
 * @typedef {{cells: Range, chars: number}} Tokens  `chars`: first row of the `chars` buffer
 * @typedef {{cells: Range, rows: number, columns: number, extent: Box}} Patches  `extent`: share of width and height
 * @typedef {{cells: Range, rows: number, columns: number, extent: Box}} Frames  one block of cells a thumbnail
 * @typedef {{cells: Range, edges: number[]}} Strip  seconds; one cell between two edges
 * @typedef {[left: number, top: number, right: number, bottom: number]} Box
 *
 * @typedef {object} Part
 * @property {number} index
 * @property {"text" | "image" | "audio" | "video"} kind
 * @property {string} role
 * @property {string} label
 * @property {string} detail  size, duration
 * @property {string | null} text
 * @property {[width: number, height: number] | null} size  pixels
 * @property {number | null} duration  seconds
 * @property {Range[]} thumbnails  bytes
 * @property {number[]} thumbnail_times  seconds
 * @property {Range | null} peaks  pairs of int8
 * @property {{bytes: Range, mime: string} | null} media
 * @property {string | null} media_note  why there is no media
 * @property {Tokens | null} tokens
 * @property {Patches | null} patches
 * @property {Frames | null} frames
 * @property {Strip | null} strip  film over time
 * @property {Strip | null} sound  sound, or a film's sound track, over time
 *
 * @typedef {object} Source
 * @property {number} id
 * @property {number} part
 * @property {"text" | "image" | "audio" | "video"} modality
 * @property {string} label
 * @property {string} excerpt
 * @property {[number, number] | null} chars  UTF-16 code units
 * @property {Box | null} box  share of width and height
 * @property {[number, number] | null} time  seconds
 *
 * @typedef {{id: number, text: string, steps: number}} Statement
 *
 * What a statement rests on, best first: one source, or neighbouring seconds together.
 * @typedef {{sources: number[], label: string, score: number, mark: Mark | null}} Evidence  `score`: of the curation
 * @typedef {{verdict: string, sign: string, words: string}} Mark  a verdict of `tracer.verify`
 *
 * @typedef {{text: string, signals: string[]}} Note  of those signals alone; of all if empty
 *
 * @typedef {object} Document
 * @property {number} schema
 * @property {string} model
 * @property {string[]} signals
 * @property {string} signal  the first one to show
 * @property {Part[]} parts
 * @property {Source[]} sources
 * @property {Statement[]} statements
 * @property {string} stopped
 * @property {Evidence[][][]} evidence  [signal][statement]
 * @property {number} cells
 * @property {Note[]} notes
 * @property {Record<string, "raw" | "deflate">} encoding
 */

/**
 * What is under the mouse or pinned.
 * @typedef {{kind: "statement" | "source", id: number, chip?: number}} Focus  `chip`: a source, under the mouse in a statement
 *
 * @typedef {object} State
 * @property {string} signal
 * @property {Focus | null} hover
 * @property {Focus | null} pinned
 */

/**
 * All that drawing needs for one state.
 * @typedef {object} Shown
 * @property {number | null} statement  whose inputs are coloured; null: the whole response's
 * @property {number | null} source  whose statements light up
 * @property {number | null} chip  the source that a statement's chip names
 * @property {boolean} pinned  the statement is the pinned one
 * @property {Uint8Array} heat  [cells]
 * @property {number} scale  the score that 255 stands for
 * @property {Float32Array} share  [sources], sums to 1
 * @property {Map<number, number>} ranks  source -> rank, of selected ones
 */

/**
 * A drawn part of the prompt.
 * @typedef {object} Drawn
 * @property {HTMLElement} el
 * @property {(shown: Shown) => void} [paint]  beyond its sources' shading
 * @property {() => void} [dispose]
 */

export {};
