// Before anything is drawn, so that the page does not flash in the wrong theme.
(() => {
  try {
    const theme = localStorage.getItem("harness-theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch { /* a browser that keeps nothing */ }
})();
