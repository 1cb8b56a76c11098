/* Light, dark, or the theme of the device: applied here, and in a cookie for the next page. */
(() => {
  "use strict";
  const root = document.documentElement;
  root.dataset.js = "";

  const read = () => {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null; // no access to storage: only the cookie remembers
    }
  };

  const apply = (theme) => {
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    else delete root.dataset.theme;
    for (const button of document.querySelectorAll("[name=theme][value]")) {
      button.setAttribute("aria-pressed", String(button.value === (theme || "system")));
    }
  };

  const store = (theme) => {
    try {
      localStorage.setItem("theme", theme);
    } catch {
      /* as above */
    }
  };

  apply(read() || root.dataset.theme);
  addEventListener("storage", (event) => event.key === "theme" && apply(event.newValue));

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[data-theme-form]")) return;
    event.preventDefault();
    const theme = event.submitter ? event.submitter.value : "system";
    apply(theme);
    store(theme);
    fetch(form.action, { method: "POST", body: new FormData(form, event.submitter) });
  });

  /* Shows a page that says so when the site cannot be reached. */
  if (isSecureContext) navigator.serviceWorker?.register("/service-worker.js").catch(() => {});

  addEventListener("shortcut:theme", () => {
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    document.querySelector(`[data-theme-form] [value=${dark ? "light" : "dark"}]`)?.click();
  });
})();
