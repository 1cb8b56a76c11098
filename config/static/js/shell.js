/* Toasts, focus after updates, and errors of htmx requests. */
(() => {
  "use strict";
  const TOAST_SECONDS = 8;

  document.addEventListener("click", (event) => event.target.closest("[data-dismiss]")?.closest("[data-toast]").remove());

  /* A toast stays while it is hovered or focused. */
  const expire = (toast) => {
    const remove = () => {
      if (toast.matches(":hover, :focus-within")) setTimeout(remove, 2000);
      else toast.remove();
    };
    setTimeout(remove, TOAST_SECONDS * 1000);
  };
  const toasts = document.getElementById("toasts");
  new MutationObserver((changes) => {
    for (const change of changes) {
      for (const node of change.addedNodes) if (node.matches?.("[data-toast]")) expire(node);
    }
  }).observe(toasts, { childList: true });
  /* Screen readers announce what is added to a live region, not its initial content. */
  const initial = [...toasts.children];
  toasts.replaceChildren();
  setTimeout(() => toasts.append(...initial), 100);

  /* A response that is not a fragment of this page (the log-in form) replaces the whole page. */
  document.addEventListener("htmx:beforeSwap", (event) => {
    const url = new URL(event.detail.xhr.responseURL || location.href);
    if (url.pathname.startsWith("/account/log-in")) {
      event.detail.shouldSwap = false;
      location.assign(`/account/log-in/?next=${encodeURIComponent(location.pathname)}`);
    } else if (event.detail.xhr.status === 422) {
      event.detail.shouldSwap = true; // a form with errors
      event.detail.isError = false;
    }
  });

  /* The replacement of a focused element gets the focus: the next rows of a list, or the heading. */
  let parent = null;
  let index = 0;
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { target } = event.detail;
    const focus = document.activeElement; // Escape has already blurred it
    const isReplaced = target.matches(".more, .more-hits, .heading") && (focus === document.body || target.contains(focus));
    parent = isReplaced ? target.parentElement : null;
    index = isReplaced ? [...parent.children].indexOf(target) : 0;
  });
  document.addEventListener("htmx:afterSettle", () => {
    if (document.activeElement === document.body) parent?.children[index]?.querySelector("a")?.focus();
    parent = null;
  });

  /* Show an error when an htmx request fails. */
  const showError = (text) => {
    const toast = document.createElement("div");
    toast.className = "toast error";
    toast.dataset.toast = "";
    toast.append(Object.assign(document.createElement("p"), { textContent: text }));
    toasts.append(toast);
  };
  window.showError = showError;
  document.addEventListener("htmx:sendError", () => showError(gettext("The server does not respond. Try again in a moment.")));
  document.addEventListener("htmx:responseError", (event) =>
    showError(event.detail.xhr.status === 404 ? gettext("It no longer exists.") : gettext("That did not work. Try again.")),
  );
})();
