import { mount } from "svelte";
import App from "./App.svelte";
import "./app.css";
import { onConnection } from "./lib/api/client";
import { router } from "./lib/router.svelte";
import { choices } from "./lib/state/choices.svelte";
import { flows } from "./lib/state/flows.svelte";
import { registry } from "./lib/state/registry.svelte";
import { statuses } from "./lib/state/status.svelte";

registry.open();
registry.onAccessChanged((id) => void statuses.refresh(id));
choices.open();
onConnection((url, connection) => registry.hear(url, connection));
// The result of a sign-in leaves the address before anything else can read or keep it.
flows.comeBack();
flows.open();
router.open();

const target = document.getElementById("app");
if (target) mount(App, { target });
