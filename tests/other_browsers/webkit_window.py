"""A window of WebKitGTK that WebDriver drives: MiniBrowser, where it is driven, keeps no files and drops what pages write
to the console. Usage: webkit_window.py DATA DOWNLOADS, two folders."""

import sys

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("WebKit2", "4.1")
from gi.repository import Gtk, WebKit2  # noqa: E402

data, downloads = sys.argv[1:]
storage = WebKit2.WebsiteDataManager(base_data_directory=data, base_cache_directory=data)
context = WebKit2.WebContext.new_with_website_data_manager(storage)
context.set_automation_allowed(True)

settings = WebKit2.Settings(enable_write_console_messages_to_stdout=True)
view = WebKit2.WebView(web_context=context, is_controlled_by_automation=True, settings=settings)
window = Gtk.Window(default_width=1366, default_height=900)
window.connect("destroy", Gtk.main_quit)
window.add(view)
window.show_all()


def started(_context, session):
    info = WebKit2.ApplicationInfo()
    info.set_name("WebKitGTK")
    info.set_version(WebKit2.get_major_version(), WebKit2.get_minor_version(), WebKit2.get_micro_version())
    session.set_application_info(info)
    session.connect("create-web-view", lambda _session: view)


def download(_context, started_download):
    started_download.connect("decide-destination", decide)


def decide(started_download, name):
    started_download.set_destination(f"file://{downloads}/{name}")
    return True


context.connect("automation-started", started)
context.connect("download-started", download)
Gtk.main()
