/** What Bun costs while it does nothing: one timer, far away, keeps it alive. */
setInterval(() => {}, 2 ** 30);
