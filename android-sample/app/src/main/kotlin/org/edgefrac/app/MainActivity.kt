package org.edgefrac.app

import android.app.Activity
import android.content.ActivityNotFoundException
import android.content.ClipData
import android.content.Intent
import android.net.Uri
import android.os.Bundle
import android.provider.MediaStore
import android.view.DragEvent
import android.view.View
import android.widget.Button
import android.widget.SeekBar
import android.widget.TextView

/** The app's only activity: a radiograph and what the model says of it, and the screen about the model. */
class MainActivity : Activity() {
    private val analyst by lazy { Analyst.of(this) }
    private val words by lazy { Words(resources) }
    private val about by lazy { AboutScreen(this, words) }
    private val back by lazy { Back.of(this) { showAbout(false) } }

    override fun onCreate(saved: Bundle?) {
        super.onCreate(saved)
        setContentView(R.layout.main)
        button(R.id.pick).setOnClickListener { pick() }
        button(R.id.photograph).setOnClickListener { photograph() }
        button(R.id.about).setOnClickListener { showAbout(true) }
        button(R.id.back).setOnClickListener { showAbout(false) }
        button(R.id.test_again).setOnClickListener { analyst.testAgain() }
        val opacity = view<SeekBar>(R.id.opacity)
        opacity.progress = saved?.getInt(OPACITY) ?: opacity.max
        opacity.setOnSeekBarChangeListener(Opacity().apply { onProgressChanged(opacity, opacity.progress, false) })
        view<View>(R.id.root).setOnDragListener { _, event -> dropped(event) }
        if (saved == null) shared(intent) else showAbout(saved.getBoolean(ABOUT))
    }

    override fun onStart() {
        super.onStart()
        analyst.listener = ::show
        show(analyst.state)
    }

    override fun onStop() {
        analyst.listener = null
        super.onStop()
    }

    override fun onSaveInstanceState(state: Bundle) {
        super.onSaveInstanceState(state)
        state.putBoolean(ABOUT, aboutIsShown())
        state.putInt(OPACITY, view<SeekBar>(R.id.opacity).progress)
    }

    override fun onNewIntent(intent: Intent) {
        super.onNewIntent(intent)
        shared(intent)
    }

    @Deprecated("called up to Android 12; see Back for later ones")
    override fun onBackPressed() {
        @Suppress("DEPRECATION")
        if (aboutIsShown()) showAbout(false) else super.onBackPressed()
    }

    override fun onActivityResult(request: Int, result: Int, data: Intent?) {
        super.onActivityResult(request, result, data)
        if (result != RESULT_OK) return
        when (request) {
            PICK -> data?.data?.let { read(Request(it)) }
            PHOTOGRAPH -> {
                val file = PhotographProvider.file(this)
                read(Request(PhotographProvider.uri(this), byCamera = true) { file.delete() })
            }
        }
    }

    private fun pick() {
        val wanted = Intent(Intent.ACTION_OPEN_DOCUMENT).addCategory(Intent.CATEGORY_OPENABLE).setType("image/*")
        startActivityForResult(wanted, PICK)
    }

    private fun photograph() {
        val target = PhotographProvider.uri(this)
        val wanted = Intent(MediaStore.ACTION_IMAGE_CAPTURE).putExtra(MediaStore.EXTRA_OUTPUT, target)
        wanted.clipData = ClipData.newRawUri(null, target) // the permission to write goes with it
        wanted.addFlags(Intent.FLAG_GRANT_WRITE_URI_PERMISSION or Intent.FLAG_GRANT_READ_URI_PERMISSION)
        try {
            startActivityForResult(wanted, PHOTOGRAPH)
        } catch (_: ActivityNotFoundException) {
            text(R.id.detail).setText(R.string.no_camera)
        }
    }

    private fun shared(intent: Intent) {
        if (intent.action != Intent.ACTION_SEND) return
        @Suppress("DEPRECATION") // its successor asks for Android 13
        val uri = intent.getParcelableExtra<Uri>(Intent.EXTRA_STREAM)
        if (uri != null) read(Request(uri))
    }

    private fun dropped(event: DragEvent): Boolean {
        if (event.action == DragEvent.ACTION_DRAG_STARTED) return event.clipDescription?.hasMimeType("image/*") == true
        if (event.action != DragEvent.ACTION_DROP) return true
        val uri = event.clipData?.takeIf { it.itemCount > 0 }?.getItemAt(0)?.uri ?: return false
        val permission = requestDragAndDropPermissions(event)
        read(Request(uri) { permission?.release() })
        return true
    }

    private fun read(request: Request) {
        showAbout(false)
        analyst.read(request)
    }

    private fun show(state: State) {
        val shown = state.shown
        val reading = shown?.reading
        val setup = state.setup
        text(R.id.verdict).text = when {
            state.busy -> getString(if (setup == null) R.string.preparing else R.string.reading)
            setup == null -> getString(R.string.broken, state.problem)
            state.problem != null -> getString(R.string.unreadable, state.problem)
            reading == null -> getString(R.string.ready)
            else -> words.verdict(reading)
        }
        val rule = setup?.assets?.contract?.task?.thresholdRule
        text(R.id.detail).text = if (reading != null && rule != null) words.detail(reading, rule) else ""
        for (id in listOf(R.id.pick, R.id.photograph)) button(id).isEnabled = setup != null && !state.busy
        view<RadiographView>(R.id.picture).shown = shown
        view<View>(R.id.picture).visibility = visibleIf(shown != null)
        view<View>(R.id.heat).visibility = visibleIf(shown?.heat != null)
        if (shown != null && setup != null) describe(shown, setup)
        about.show(state)
    }

    private fun describe(shown: Shown, setup: Setup) {
        val legend = view<LegendView>(R.id.legend)
        legend.display = setup.assets.display
        legend.contentDescription = words.legend(setup.assets.display)
        val wanted = setup.assets.contract.task.positive
        view<View>(R.id.picture).contentDescription = words.picture(shown.reading, wanted)
        text(R.id.findings).text = words.findings(shown.reading, wanted)
        val accelerator = setup.choice.engine.accelerator.name
        val timings = getString(R.string.timings, shown.reading.milliseconds, accelerator, shown.milliseconds)
        text(R.id.timings).text = (listOf(timings) + shown.notes).joinToString("\n")
    }

    private fun showAbout(wanted: Boolean) {
        view<View>(R.id.reader).visibility = visibleIf(!wanted)
        view<View>(R.id.about_screen).visibility = visibleIf(wanted)
        if (wanted == back.isOn) return
        if (wanted) {
            about.open(analyst.state)
            back.on()
        } else {
            back.off()
        }
    }

    private fun aboutIsShown() = view<View>(R.id.about_screen).visibility == View.VISIBLE

    private fun visibleIf(wanted: Boolean) = if (wanted) View.VISIBLE else View.GONE

    private fun <T : View> view(id: Int): T = findViewById(id)

    private fun text(id: Int): TextView = view(id)

    private fun button(id: Int): Button = view(id)

    private inner class Opacity : SeekBar.OnSeekBarChangeListener {
        override fun onProgressChanged(bar: SeekBar, progress: Int, byUser: Boolean) {
            view<RadiographView>(R.id.picture).opacity = progress.toFloat() / bar.max
            text(R.id.opacity_value).text = getString(R.string.opacity, 100 * progress / bar.max)
        }

        override fun onStartTrackingTouch(bar: SeekBar) = Unit

        override fun onStopTrackingTouch(bar: SeekBar) = Unit
    }

    private companion object {
        const val PICK = 1
        const val PHOTOGRAPH = 2
        const val ABOUT = "about"
        const val OPACITY = "opacity"
    }
}
