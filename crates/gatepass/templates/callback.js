(() => {
  const { flow, close } = document.body.dataset;
  if (flow) {
    const message = { type: "gatepass:flow", flowId: flow };
    try { window.opener?.postMessage(message, location.origin); } catch {}
    try { const channel = new BroadcastChannel("gatepass:flows"); channel.postMessage(message); channel.close(); } catch {}
  }
  history.replaceState(null, "", location.pathname);
  if (close === "yes") setTimeout(() => window.close(), 400);
})();
