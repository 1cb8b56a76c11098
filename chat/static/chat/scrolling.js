/* Keep the page at the newest message, unless the person has scrolled away. */
(() => {
  "use strict";
  const { entries, ask, nodes, notify } = window.conversation;
  const page = document.scrollingElement;
  const jump = document.getElementById("jump");
  const NEAR = 120; // pixels

  const distance = () => page.scrollHeight - page.scrollTop - page.clientHeight;
  let follows = true;
  const toEnd = () => page.scrollTo({ top: page.scrollHeight, behavior: "instant" });

  /* Keep the end in view while it grows. */
  new ResizeObserver(() => {
    if (follows) toEnd();
    else jump.hidden = distance() < 2 * NEAR;
  }).observe(entries);
  let top = page.scrollTop;
  addEventListener(
    "scroll",
    () => {
      /* Up, away from the end: the person reads. A page that became shorter is at its end. */
      const isAway = page.scrollTop < top && distance() > 1;
      top = page.scrollTop;
      follows = !isAway && distance() < (follows ? NEAR : 2) && !entries.querySelector("[data-newer]");
      jump.hidden = distance() < 2 * NEAR && !entries.querySelector("[data-newer]");
    },
    { passive: true },
  );
  jump.addEventListener("click", (event) => {
    event.preventDefault();
    if (entries.querySelector("[data-newer]")) location.assign(location.pathname);
    follows = true;
    toEnd();
  });

  const target = entries.querySelector(".target");
  if (target) {
    follows = false;
    target.scrollIntoView({ block: "center", behavior: "instant" });
  } else {
    toEnd();
  }

  /* Load more messages near the end of the page, without moving what is in view. */
  const load = async (more) => {
    if (more.dataset.loading) return;
    more.dataset.loading = "yes";
    const older = more.dataset.older;
    const answer = await ask(older || more.dataset.newer);
    if (!answer.ok) {
      delete more.dataset.loading;
      notify(answer.text);
      return;
    }
    const anchor = older ? more.nextElementSibling : more.previousElementSibling;
    const before = anchor?.getBoundingClientRect().top;
    const added = nodes(answer.text);
    more.replaceWith(...added);
    if (anchor) page.scrollBy({ top: anchor.getBoundingClientRect().top - before, behavior: "instant" });
    entries.dispatchEvent(new CustomEvent("entries:added", { detail: added }));
    watch();
  };
  const watcher = new IntersectionObserver(
    (seen) => seen.filter((one) => one.isIntersecting).forEach((one) => load(one.target)),
    { rootMargin: "600px 0px" },
  );
  const watch = () => entries.querySelectorAll(".more").forEach((more) => watcher.observe(more));
  watch();
  entries.addEventListener("click", (event) => {
    const more = event.target.closest(".more");
    if (!more) return;
    event.preventDefault();
    load(more);
  });

  window.conversation.toEnd = () => {
    follows = true;
    toEnd();
  };
})();
