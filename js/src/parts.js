/** One drawing for each kind of part: text, picture, sound, film. */

import { drawFilm } from "./film.js";
import { drawImage } from "./picture.js";
import { drawSound } from "./sound.js";
import { drawText } from "./text.js";

/** How each kind of part is drawn. */
export const DRAW = { text: drawText, image: drawImage, audio: drawSound, video: drawFilm };
