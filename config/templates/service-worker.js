/* Show a page that says so when the site cannot be reached. Nothing else is kept: pages are private. */
const OFFLINE = "{{ offline_url }}";
const KEPT = [OFFLINE{% for style in styles %}, "{{ style }}"{% endfor %}];
const CACHE = "offline-{{ version }}";

self.addEventListener("install", (event) => {
  const requests = KEPT.map((url) => new Request(url, { credentials: "omit", cache: "reload" }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(requests)));
  self.skipWaiting();
});

self.addEventListener("activate", (event) => {
  const forget = (names) => Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name)));
  event.waitUntil(caches.keys().then(forget));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const isStyle = KEPT.includes(new URL(request.url).pathname);
  if (request.method !== "GET" || !(request.mode === "navigate" || isStyle)) return;
  const kept = () => caches.match(isStyle ? request.url : OFFLINE);
  event.respondWith(fetch(request).catch(async () => (await kept()) || Response.error()));
});
