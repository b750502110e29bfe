/**
 * The server's documents, as far as the page reads them; the OpenAPI document has all of them.
 *
 * @typedef {{center: number, width: number, straight?: boolean}} Window A window in modality units, DICOM's LINEAR.
 *
 * @typedef {object} Display How the image's values are to be shown.
 * @property {8 | 16} bits of a value
 * @property {number} levels how many values there are, from 0 on
 * @property {number} first what is stored where the value is 0
 * @property {number} slope
 * @property {number} intercept (value + first) * slope + intercept is in modality units
 * @property {Window} window
 * @property {boolean} inverted
 * @property {'HU' | 'value' | 'grey'} unit
 * @property {Record<string, Window>} presets
 *
 * @typedef {object} Picture
 * @property {number} width
 * @property {number} height
 * @property {string} source_format
 * @property {string | null} modality
 * @property {string | null} view
 * @property {string | null} side
 * @property {[number, number] | null} spacing_mm
 * @property {string[]} notes
 * @property {Display} display
 *
 * @typedef {{box: [number, number, number, number], log_odds: number, share: number}} Region
 *
 * @typedef {object} Answer
 * @property {number} probability
 * @property {number} threshold
 * @property {boolean} positive
 * @property {string} label
 * @property {number | null} log_odds
 * @property {'nothing' | 'localised' | 'diffuse' | null} finding
 * @property {[number, number] | null} peak
 * @property {Region[]} regions
 * @property {object | null} scale
 * @property {string | null} foreign
 * @property {string | null} identifying
 * @property {Record<string, Record<string, number>>} tasks
 * @property {Picture} picture
 * @property {string} model
 * @property {string} model_version
 * @property {string} model_sha256
 * @property {string} precision
 * @property {number} milliseconds
 *
 * @typedef {object} Item One image of the work list.
 * @property {number} number
 * @property {string} id
 * @property {string} origin
 * @property {'waiting' | 'answered' | 'unreadable'} state
 * @property {number} received seconds since 1970
 * @property {number | null} finished
 * @property {Answer | null} answer
 * @property {string | null} error
 *
 * @typedef {{destination: string, state: 'pending' | 'delivered' | 'failed', attempts: number, due: number, error: string | null}} Delivery
 *
 * @typedef {Item & {deliveries: Delivery[]}} ItemWithDeliveries
 *
 * @typedef {object} Worklist
 * @property {Item[]} items
 * @property {Record<string, number>} counts
 * @property {Record<string, number>} deliveries
 *
 * @typedef {object} Model
 * @property {string} name
 * @property {string} version
 * @property {string} precision
 * @property {string} target
 * @property {string} sha256
 * @property {{name: string, classes: string[], threshold: number, threshold_rule: string}} task
 * @property {number} input_size
 * @property {boolean} has_certificate
 * @property {boolean} has_card
 * @property {{full_scale: number, contours: number[], ramp: [number, number, number][]} | null} evidence_scale
 * @property {string} intended_use
 */

export {};
