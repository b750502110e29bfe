package org.edgefrac.app

import android.content.Context
import android.graphics.Bitmap
import android.net.Uri
import android.os.Build
import android.os.Handler
import android.os.Looper
import org.edgefrac.core.Accelerators
import org.edgefrac.core.AppAssets
import org.edgefrac.core.Choice
import org.edgefrac.core.EngineOpener
import org.edgefrac.core.Memory
import org.edgefrac.core.Placement
import org.edgefrac.core.Preprocess
import org.edgefrac.core.Raster
import org.edgefrac.core.Reader
import org.edgefrac.core.Reading
import org.edgefrac.core.Refusal
import org.edgefrac.core.SelfTest
import java.util.concurrent.Executors

/** The model, checked and ready: its files, and the engine in use with what the self-test found. */
class Setup(val assets: AppAssets, val choice: Choice)

/** A radiograph as it is shown: without [heat] where the model has no answer for it. */
class Shown(val reading: Reading, val picture: Bitmap, val heat: Bitmap?, val notes: List<String>, val milliseconds: Double)

/** An image to read: whether the user had it photographed, and what to do once it was read. */
class Request(val uri: Uri, val byCamera: Boolean = false, val finally: () -> Unit = {})

/** What the screen shows; [problem] says why there is no model, or no reading. */
class State(val busy: Boolean, val setup: Setup? = null, val shown: Shown? = null, val problem: String? = null)

/**
 * Keeps the model and the last radiograph while screens come and go, and does all work on one thread of its own.
 *
 * Everything public is for the main thread.
 */
class Analyst private constructor(private val context: Context) {
    private val worker = Executors.newSingleThreadExecutor()
    private val main = Handler(Looper.getMainLooper())
    private var accelerators: Accelerators? = null // the worker's
    private var waiting: Request? = null // an image that was shared before the model was ready

    var state = State(busy = true)
        private set

    /** Told of every new [state]. */
    var listener: ((State) -> Unit)? = null

    init {
        work { prepared() }
    }

    /** Read an image, as soon as the model is ready; [Request.finally] is done whether it could be read or not. */
    fun read(request: Request) {
        val setup = state.setup
        if (setup == null || state.busy) {
            waiting?.finally?.invoke()
            waiting = request
            return
        }
        become(State(busy = true, setup))
        work(setup) {
            try {
                State(busy = false, setup, shown(setup, request))
            } finally {
                main.post(request.finally)
            }
        }
    }

    /** Ask every accelerator anew. */
    fun testAgain() {
        val before = state.setup
        become(State(busy = true))
        work {
            accelerators?.forget()
            before?.choice?.engine?.close()
            prepared()
        }
    }

    private fun work(setup: Setup? = null, job: () -> State) = worker.execute {
        val next = try {
            job()
        } catch (refusal: Refusal) {
            State(busy = false, setup, problem = refusal.message)
        } catch (_: OutOfMemoryError) {
            State(busy = false, setup, problem = context.getString(R.string.too_little_memory))
        }
        main.post { become(next) }
    }

    private fun become(next: State) {
        state = next
        listener?.invoke(next)
        val request = waiting
        if (next.setup != null && !next.busy && request != null) {
            waiting = null
            read(request)
        }
    }

    private fun prepared(): State {
        val assets = AppAssets.open(BundledAssets(context.assets))
        val selfTest = SelfTest(assets, ImageReader.goldens)
        val memory = Preferences(context)
        val identity = "${Build.FINGERPRINT} ${installed()} ${assets.modelSha256}"
        selfTest.checkThePhone()
        val opener = EngineOpener { accelerator ->
            LiteRtEngine.open(context.assets, BundledAssets.inside(assets.model), assets.contract, accelerator)
        }
        val accelerators = Accelerators(opener, selfTest, memory, identity).also { accelerators = it }
        return State(busy = false, Setup(assets, accelerators.choose()))
    }

    /** When this app was last updated, for LiteRT's libraries come with it. */
    private fun installed(): Long = context.packageManager.getPackageInfo(context.packageName, 0).lastUpdateTime

    private fun shown(setup: Setup, request: Request): Shown {
        val start = System.nanoTime()
        val radiograph = ImageReader(context.contentResolver).read(request.uri, request.byCamera)
        val reader = Reader(setup.assets.contract, setup.assets.display)
        val reading = reader.read(radiograph, setup.choice.engine)
        val picture = forScreen(radiograph.raster)
        val heat = if (reading.foreign == null) bitmap(picture, reader.painted(reading, picture)) else null
        val grey = IntArray(picture.pixels.size) { (picture.pixels[it].toInt() and 0xff) * 0x010101 or (0xff shl 24) }
        return Shown(reading, bitmap(picture, grey), heat, radiograph.notes, (System.nanoTime() - start) / 1e6)
    }

    /** The whole radiograph with no more pixels than the screen can show. */
    private fun forScreen(raster: Raster): Raster {
        val longest = context.resources.displayMetrics.run { maxOf(widthPixels, heightPixels) }
        if (maxOf(raster.width, raster.height) <= longest) return raster
        val placement = Placement(raster.width, raster.height, longest)
        return Preprocess.resized(raster, placement.columns, placement.rows)
    }

    private fun bitmap(of: Raster, argb: IntArray): Bitmap =
        Bitmap.createBitmap(argb, of.width, of.height, Bitmap.Config.ARGB_8888)

    private class Preferences(context: Context) : Memory {
        private val kept = context.getSharedPreferences("self-test", Context.MODE_PRIVATE)

        override fun read(name: String): String? = kept.getString(name, null)

        // at once and on disk, so that it is there even where the next step takes the app down
        override fun write(name: String, value: String) {
            kept.edit().putString(name, value).commit()
        }
    }

    companion object {
        private var one: Analyst? = null

        /** The app's only one. */
        fun of(context: Context): Analyst = one ?: Analyst(context.applicationContext).also { one = it }
    }
}
