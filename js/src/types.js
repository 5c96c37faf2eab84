/** @import { Settings } from "./curation.js" */

/**
 * The view model as it arrives from Python (`omnitrace_nb/view/viewmodel.py` is its definition).
 *
 * @typedef {[start: number, count: number]} Range  cells or bytes
 * @typedef {{cells: Range, chars: number}} Tokens  `chars`: first row of the `chars` buffer
 * @typedef {{cells: Range, rows: number, columns: number, extent: Box}} Patches  `extent`: share of width and height
 * @typedef {{cells: Range, rows: number, columns: number, extent: Box}} Frames  one block of cells a thumbnail
 * @typedef {{cells: Range, edges: number[]}} Strip  seconds; one cell between two edges
 * @typedef {{values: Range, bands: number, columns: number, hertz: number}} Spectrogram  `hertz`: the highest
 * @typedef {[left: number, top: number, right: number, bottom: number]} Box
 *
 * @typedef {object} Part
 * @property {number} index
 * @property {"text" | "image" | "audio" | "video"} kind
 * @property {string} role
 * @property {string} label
 * @property {string} detail  size, duration
 * @property {string | null} text
 * @property {[number, number][]} unread  UTF-16 code units of `text` that the model did not read
 * @property {[width: number, height: number] | null} size  pixels
 * @property {number | null} duration  seconds
 * @property {Range[]} thumbnails  bytes
 * @property {number[]} thumbnail_times  seconds
 * @property {Range | null} peaks  pairs of int8
 * @property {Spectrogram | null} spectrogram
 * @property {{bytes: number, mime: string} | null} media  the original, to be asked for (`Data.media`)
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
 * @property {number[] | null} cells  its patches, from 0, where they are not all of its box
 *
 * @typedef {object} Statement
 * @property {number} id
 * @property {string} text
 * @property {number} steps  how many
 * @property {number} first  the first one
 * @property {number} stop  after the last
 * @property {[number, number]} chars  UTF-16 code units of the response
 * @property {boolean} thinking  said before the answer
 *
 * What a statement rests on, best first: one source, or neighbouring seconds together.
 * @typedef {{sources: number[], label: string, score: number, mark: Mark | null}} Evidence  `score`: of the curation
 * @typedef {{verdict: string, sign: string, words: string}} Mark  a verdict of `tracer.verify`
 *
 * @typedef {{text: string, signals: string[]}} Note  of those signals alone; of all if empty
 *
 * @typedef {object} Document  of the prompt and of the response (`ViewModel.prompt`, `ViewModel.response`)
 * @property {number} schema
 * @property {string} model
 * @property {Part[]} parts
 * @property {Source[]} sources
 * @property {number} cells
 * @property {string[]} signals
 * @property {string} text  the response
 * @property {string} begun  what it was given as its beginning
 * @property {string[]} pieces  [T], tokens as they are
 * @property {string[]} tags  [T], Universal POS
 * @property {string} stopped
 * @property {Statement[]} statements
 * @property {Settings} settings  the trace's
 * @property {{statement: number, source: number, mark: Mark}[]} checked
 * @property {Note[]} notes
 */

/**
 * What is under the mouse or pinned. `chip`: a source, under the mouse in a statement; `region`: as Python selects it.
 * @typedef {{kind: "statement", id: number, chip?: number}
 *   | {kind: "token", id: number}
 *   | {kind: "range", start: number, stop: number}
 *   | {kind: "source", id: number}
 *   | {kind: "cells", part: number, cells: number[], label: string, region: Region}} Focus
 *
 * @typedef {{time: [number, number]} | {box: Box} | {chars: [number, number]}} Region  seconds, pixels, or characters
 *   as Python counts them
 * @typedef {{steps: [number, number]} | {source: number} | ({part: number} & {time: [number, number]})
 *   | ({part: number} & {box: Box}) | ({part: number} & {chars: [number, number]})} Selection
 *
 * @typedef {"token" | "word" | "sentence" | "paragraph"} Detail
 *
 * @typedef {object} State
 * @property {string} signal
 * @property {Settings} settings
 * @property {boolean} playground  whether it is open
 * @property {Focus | null} hover
 * @property {Focus | null} pinned
 * @property {number | null} step  of the scrubber
 * @property {Detail} detail  of texts
 * @property {number} opacity  of heat over pictures, 0..1
 * @property {boolean} smooth  heat over pictures
 * @property {boolean} raw  tokens as they are
 * @property {boolean} busy  dragging or playing: what is shown is not read out
 */

/**
 * All that drawing needs for one state.
 * @typedef {object} Shown
 * @property {Focus | null} inputs  what the inputs are coloured by; null: the whole response
 * @property {[start: number, stop: number]} steps  the same, as steps
 * @property {number | null} statement  the same, if it is a statement
 * @property {Focus | null} words  what of the prompt is in focus, so that the response's words light up
 * @property {number | null} source  the same, if it is a source
 * @property {number | null} chip  the source that a statement's chip names
 * @property {boolean} pinned  what the inputs are coloured by is pinned
 * @property {boolean} [minus]  a difference of two columns: heat, mean and share may be below 0
 * @property {Uint8Array | Int16Array} heat  [cells], -255..255
 * @property {number} scale  the score that 255 stands for
 * @property {Float32Array} mean  [cells], the scores themselves
 * @property {Float32Array} share  [sources], sums to 1
 * @property {Evidence[]} evidence  of what the inputs are coloured by; of the whole response none
 * @property {Map<number, number>} ranks  source -> rank, of selected ones
 * @property {Float32Array | null} drove  [T], how much of each step the input in focus drove: the share of a source in
 *   all that the step's scores went to, the score of cells
 */

/**
 * A drawn part of the prompt.
 * @typedef {object} Drawn
 * @property {HTMLElement} el
 * @property {HTMLElement[]} [extras]  beside its name
 * @property {(shown: Shown, state: State) => void} [paint]  beyond its sources' shading
 * @property {() => void} [dispose]
 */

export {};
