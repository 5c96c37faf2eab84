/** Light or dark: from what the notebook says of itself, else from the colour that is really behind the view. */

/** @param {string} colour  as computed */
function luminance(colour) {
  const [red = 0, green = 0, blue = 0, alpha = 1] = colour.match(/[\d.]+/g)?.map(Number) ?? [];
  return alpha === 0 ? null : (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255;
}

/** @param {Element} el */
function isDark(el) {
  const jupyter = document.body.dataset.jpThemeLight;
  if (jupyter) return jupyter === "false";
  for (let at = el.parentElement; at; at = at.parentElement) {
    const behind = luminance(getComputedStyle(at).backgroundColor);
    if (behind !== null) return behind < 0.5;
  }
  return (
    getComputedStyle(document.documentElement).colorScheme.includes("dark") &&
    matchMedia("(prefers-color-scheme: dark)").matches
  );
}

/**
 * Keep `data-theme` of the view right, also when the notebook changes its theme.
 * @param {HTMLElement} root
 * @param {() => void} changed  canvases hold colours, so they are drawn again
 * @param {AbortSignal} signal
 */
export function followTheme(root, changed, signal) {
  function look() {
    const theme = isDark(root) ? "dark" : "light";
    if (root.dataset.theme === theme) return;
    root.dataset.theme = theme;
    changed();
  }
  const observer = new MutationObserver(look);
  for (const el of [document.documentElement, document.body]) {
    observer.observe(el, {
      attributes: true,
      attributeFilter: ["class", "style", "theme", "data-theme", "data-jp-theme-light"],
    });
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", look, { signal });
  signal.addEventListener("abort", () => observer.disconnect());
  look();
}
