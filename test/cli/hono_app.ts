/** An app of a well-known framework, exported as its guide says. */
import { Hono } from "hono";

const app = new Hono();
app.get("/hello/:name", (context) => context.text(`hello ${context.req.param("name")}`));

export default app;
