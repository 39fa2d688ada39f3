/** The handler under measurement as a module, for servers with app threads. */
import { answer } from "./handler.ts";

export default { fetch: answer };
